"""Where data comes from and is written back: Microsoft Graph, one room per noun.

Requests are sent in three files: ``client.py`` (Graph itself, with the token), ``transfers.py`` (pre-authenticated
addresses, without it) and ``credentials.py`` (where tokens come from). Everything above builds requests with the SDK's
builders and reads plain JSON. In each room ``source.py`` reads for a backup and ``target.py`` writes for a restore.
Knows nothing of the vault, of runs or of restores: the dataclasses that it shares with them live in ``model``.
"""

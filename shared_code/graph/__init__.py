"""Where data comes from and is written back: Microsoft Graph, one file per noun.

``client.py`` is the only HTTP; everything above it builds requests with the SDK's builders and reads plain
JSON. Knows nothing of the vault, of runs or of restores: the dataclasses that it shares with them live in
``model``.
"""

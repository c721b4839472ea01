"""The demo: the service's main job before one's eyes, against the tenant simulator. ``python -m local.demo``.

Here live the invented company, what happens to it, and the telling. The service is used over its HTTP API alone, and
what it brought back is judged by what the simulator says, never by what the service says of itself.
"""

"""The application settings with which the product runs on the local stack."""

from collections.abc import Mapping

from local.services import Stack

# The app that every simulated tenant comes with, and the secret to create a tenant with so that the service can
# read it. It opens nothing else.
APP_CLIENT_ID = "backup-app"
APP_CLIENT_SECRET = "local-only"


def product_settings(stack: Stack) -> Mapping[str, str]:
    """For ``Stack(host_env=product_settings)``: storage is the emulator, Graph is the tenant simulator."""
    return {
        "FUNCTIONS_WORKER_RUNTIME": "python",
        # glibc keeps freed memory in up to eight arenas a core; with threads that pack, hash and query that adds up.
        "MALLOC_ARENA_MAX": "2",
        "BACKUP_LOCAL_RUN": "true",
        "BACKUP_STORAGE_CONNECTION": stack.blob_connection_string,
        # The emulator runs no lifecycle rules: the purge job deletes what they would. It has one key for everything.
        "BACKUP_PURGE_CLIENT_ID": "local",
        "GRAPH_URL": stack.tenant_url,
        # The simulator has no limits unless a test asks for them.
        "GRAPH_PACE": "unlimited",
        "GRAPH_CREDENTIAL": "local_secret",
        "GRAPH_CLIENT_ID": APP_CLIENT_ID,
        "GRAPH_CLIENT_SECRET": APP_CLIENT_SECRET,
    }

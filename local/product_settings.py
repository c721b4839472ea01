"""The application settings with which the product runs on the local stack."""

from collections.abc import Mapping

from local.services import Stack

# The tenant simulator's app registration for the service; a tenant that is to be backed up needs this app.
APP_CLIENT_ID = "00000000-0000-4000-8000-00000000ba11"
APP_CLIENT_SECRET = "local-only"


def product_settings(stack: Stack) -> Mapping[str, str]:
    """For ``Stack(host_env=product_settings)``: storage is the emulator, Graph is the tenant simulator."""
    return {
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "BACKUP_LOCAL_RUN": "true",
        "BACKUP_STORAGE_CONNECTION": stack.blob_connection_string,
        "GRAPH_URL": stack.tenant_url,
        "GRAPH_CREDENTIAL": "local_secret",
        "GRAPH_CLIENT_ID": APP_CLIENT_ID,
        "GRAPH_CLIENT_SECRET": APP_CLIENT_SECRET,
    }

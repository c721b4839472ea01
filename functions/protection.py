"""HTTP for what a customer has stored beyond the default."""

from __future__ import annotations

import azure.durable_functions as df
import azure.functions as func

from functions.http import BadRequestError, answer, answers_problems, json_object, only_query
from shared_code.errors import ConfigError
from shared_code.model.protection import ProtectionSettings
from shared_code.wiring import application

bp = df.Blueprint()


@bp.route("customers/{customer}/protection", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@answers_problems
async def get_protection(req: func.HttpRequest) -> func.HttpResponse:
    """The customer's settings."""
    only_query(req)
    app = application()
    customer = await app.customers.get(req.route_params["customer"])
    return answer((await app.protection_ledger.settings(customer.id)).to_json())


@bp.route("customers/{customer}/protection", methods=["PUT"], auth_level=func.AuthLevel.FUNCTION)
@answers_problems
async def put_protection(req: func.HttpRequest) -> func.HttpResponse:
    """Agree on other settings. 400 for those that cannot be kept."""
    only_query(req)
    body = json_object(req, {"earlier_versions": int})
    if "earlier_versions" not in body:
        raise BadRequestError("'earlier_versions' is missing.")
    app = application()
    customer = await app.customers.get(req.route_params["customer"])
    try:
        settings = ProtectionSettings(body["earlier_versions"])
    except ConfigError as error:
        raise BadRequestError("; ".join(error.problems)) from error
    await app.protection_ledger.save(customer.id, settings)
    await app.contract(customer).keep()
    return answer(settings.to_json())

"""Directory: organization, users, and where a user's mailbox and drive are."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

from local.tenant import app_roles as roles
from local.tenant.answers import Answer, GraphError, Json, bad_request, directory_not_found, json_answer
from local.tenant.call import Call
from local.tenant.drives.schema import drive_json
from local.tenant.routing import Route, RouteTable
from local.tenant.tenant import Person, Tenant

_E3_SKU = "05e9a617-0261-4cee-bb44-138d3ef5d965"
_EXCHANGE_PLAN = "efb87545-963c-4e0d-99df-69c6916d9eb0"
_SHAREPOINT_PLAN = "5dbe027f-2339-4123-9542-606e4d348a72"
_DEFAULT_PROPERTIES = [
    "businessPhones",
    "displayName",
    "givenName",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
    "id",
]
_TERM = re.compile(r"^(\w+) (eq|ne) (?:'((?:[^']|'')*)'|(true|false|null))$")
_STARTS = re.compile(r"^startswith\((\w+),\s*'((?:[^']|'')*)'\)$")
_COUNT = re.compile(r"^assignedLicenses/\$count ne 0$")
_FILTERABLE = {"accountEnabled", "userType", "userPrincipalName", "mail", "displayName", "id"}
Predicate = Callable[[Json], bool]


def add_directory_routes(table: RouteTable) -> None:
    """Add everything below /organization and the directory part of /users."""

    def get(template: str, operation: str, needed: frozenset[str], handler: Callable[[Call], Answer]) -> None:
        table.add("GET", Route(template, operation, needed, "directory", handler))

    get("/organization", "organization.list", roles.ORGANIZATION, _organization)
    get("/users", "users.list", roles.USERS, _users)
    get("/users/{user}", "users.get", roles.USERS, _user)
    get(
        "/users/{user}/settings/exchange",
        "users.exchangeSettings",
        roles.EXCHANGE_SETTINGS,
        _exchange_settings,
    )
    table.add(
        "GET",
        Route(
            "/users/{user}/mailboxSettings",
            "users.mailboxSettings",
            roles.MAILBOX_SETTINGS,
            "outlook",
            _settings,
        ),
    )
    table.add("GET", Route("/users/{user}/drive", "users.drive", roles.FILES_READ, "files", _drive))
    table.add("GET", Route("/users/{user}/drives", "users.drives", roles.FILES_READ, "files", _drives))
    for path in ("/chats", "/users/{user}/chats"):
        table.add("GET", Route(path, "chats.refused", roles.NOBODY, "teams", _chats))


def person_of(call: Call) -> Person:
    """Return the user that the path names. Raises 404."""
    key = call.params["user"]
    person = call.home.person(key)
    if person is None:
        raise directory_not_found(key)
    return person


def _organization(call: Call) -> Answer:
    tenant = call.home
    domain = {
        "capabilities": "Email, OfficeCommunicationsOnline",
        "isDefault": True,
        "isInitial": True,
        "name": tenant.domain,
        "type": "Managed",
    }
    return json_answer(
        {
            "@odata.context": f"{call.base_url}/v1.0/$metadata#organization",
            "value": [
                {
                    "id": tenant.tenant_id,
                    "displayName": tenant.display_name,
                    "createdDateTime": tenant.created,
                    "preferredLanguage": tenant.settings.language[:2],
                    "countryLetterCode": "DE",
                    "tenantType": "AAD",
                    "verifiedDomains": [domain],
                    "assignedPlans": _plans(tenant, licensed=True),
                }
            ],
        }
    )


def _plans(tenant: Tenant, *, licensed: bool) -> list[Json]:
    if not licensed:
        return []
    return [
        {
            "assignedDateTime": tenant.created,
            "capabilityStatus": "Enabled",
            "service": service,
            "servicePlanId": plan,
        }
        for service, plan in (("exchange", _EXCHANGE_PLAN), ("SharePoint", _SHAREPOINT_PLAN))
    ]


def user_json(tenant: Tenant, person: Person, selected: list[str] | None) -> Json:
    """Return a user with the selected properties (the default set when nothing is selected)."""
    given, _, surname = person.display_name.partition(" ")
    everything: Json = {
        "id": person.user_id,
        "displayName": person.display_name,
        "givenName": given if person.purpose == "user" else None,
        "surname": surname or None if person.purpose == "user" else None,
        "userPrincipalName": person.upn,
        "mail": person.upn if person.has_mailbox else None,
        "mailNickname": person.upn.partition("@")[0],
        "accountEnabled": person.enabled,
        "userType": "Guest" if person.is_guest else "Member",
        "createdDateTime": tenant.created,
        "assignedLicenses": [{"disabledPlans": [], "skuId": _E3_SKU}] if person.licensed else [],
        "assignedPlans": _plans(tenant, licensed=person.licensed),
        "businessPhones": [],
        "jobTitle": None,
        "mobilePhone": None,
        "officeLocation": None,
        "preferredLanguage": None,
        "usageLocation": "DE",
        "proxyAddresses": [f"SMTP:{person.upn}"] if person.has_mailbox else [],
    }
    names = _DEFAULT_PROPERTIES if selected is None else ["id", *selected]
    return {name: everything[name] for name in names if name in everything}


def _users(call: Call) -> Answer:
    tenant = call.home
    selected = call.selected()
    page_size = max(1, call.integer("$top", 100, 999))
    keep = _predicate(call.query.get("$filter"))
    start = 0
    if "$skiptoken" in call.query:
        try:
            start = call.simulator.sealer.open("users", call.query["$skiptoken"])
        except ValueError as error:
            raise GraphError(400, "Request_BadRequest", "Invalid skip token.") from error
    people = list(tenant.people.values())
    values: list[Json] = []
    position = start
    while position < len(people) and len(values) < page_size:
        person = people[position]
        position += 1
        if keep is None or keep(user_json(tenant, person, [*_FILTERABLE, "assignedLicenses"])):
            values.append(user_json(tenant, person, selected))
    body: Json = {"@odata.context": f"{call.base_url}/v1.0/$metadata#users", "value": values}
    if "$count" in call.query and call.query["$count"].lower() == "true":
        body["@odata.count"] = len(people)
    if position < len(people):
        query = "&".join(
            part
            for part in call.raw_query.split("&")
            if part and not part.lower().startswith(("$skiptoken", "%24skiptoken"))
        )
        token = call.simulator.sealer.seal("users", position)
        body["@odata.nextLink"] = f"{call.base_url}/v1.0/users?{query}{'&' if query else ''}$skiptoken={token}"
    return json_answer(body)


def _predicate(text: str | None) -> Predicate | None:
    if not text:
        return None
    terms = [_term(part.strip()) for part in re.split(r"\s+and\s+", text)]
    return lambda user: all(term(user) for term in terms)


def _term(text: str) -> Predicate:
    if _COUNT.match(text):
        return lambda user: bool(user["assignedLicenses"])
    starts = _STARTS.match(text)
    if starts and starts[1] in _FILTERABLE:
        name, prefix = starts[1], starts[2].replace("''", "'").casefold()
        return lambda user: str(user[name] or "").casefold().startswith(prefix)
    match = _TERM.match(text)
    if match is None or match[1] not in _FILTERABLE:
        raise GraphError(400, "Request_UnsupportedQuery", "Unsupported or invalid query filter clause specified.")
    name, wanted_equal = match[1], match[2] == "eq"
    value: object = {"true": True, "false": False, "null": None}.get(match[4] or "")
    if match[3] is not None:
        value = match[3].replace("''", "'").casefold()

    def test(user: Json) -> bool:
        actual = user[name]
        actual = actual.casefold() if isinstance(actual, str) else actual
        return (actual == value) is wanted_equal

    return test


def _user(call: Call) -> Answer:
    person = person_of(call)
    body = user_json(call.home, person, call.selected())
    return json_answer({"@odata.context": f"{call.base_url}/v1.0/$metadata#users/$entity", **body})


def require_mailbox(person: Person) -> None:
    """Raise what Outlook answers for a user without a mailbox."""
    if not person.has_mailbox:
        raise GraphError(
            404,
            "MailboxNotEnabledForRESTAPI",
            "The mailbox is either inactive, soft-deleted, or is hosted on-premise.",
        )


def _settings(call: Call) -> Answer:
    person = person_of(call)
    require_mailbox(person)
    mailbox = call.home.mailbox(person)
    if mailbox is None:
        raise bad_request("no mailbox")
    archive = mailbox.ids.folder_id(mailbox.well_known["archive"])
    body = {**mailbox.settings.values, "archiveFolder": archive, "userPurpose": person.purpose}
    selected = call.selected()
    context = f"{call.base_url}/v1.0/$metadata#users('{person.user_id}')/mailboxSettings"
    shown = body if selected is None else {name: value for name, value in body.items() if name in selected}
    return json_answer({"@odata.context": context, **shown})


def _exchange_settings(call: Call) -> Answer:
    person = person_of(call)
    require_mailbox(person)
    mailbox = call.home.mailbox(person)
    if mailbox is None:
        raise bad_request("no mailbox")
    return json_answer(
        {
            "@odata.context": f"{call.base_url}/v1.0/$metadata#users('{person.user_id}')/settings/exchange/$entity",
            "id": str(uuid.uuid5(uuid.NAMESPACE_OID, person.user_id)),
            "primaryMailboxId": mailbox.mailbox_id,
        }
    )


def _drive(call: Call) -> Answer:
    person = person_of(call)
    drive = call.home.drive(person)
    if drive is None:
        raise GraphError(404, "ResourceNotFound", "User's mysite not found.")
    body = drive_json(call, drive, person)
    return json_answer({"@odata.context": f"{call.base_url}/v1.0/$metadata#drives/$entity", **body})


def _drives(call: Call) -> Answer:
    person = person_of(call)
    drive = call.home.drive(person)
    if drive is None:
        raise GraphError(404, "ResourceNotFound", "User's mysite not found.")
    context = f"{call.base_url}/v1.0/$metadata#drives"
    return json_answer({"@odata.context": context, "value": [drive_json(call, drive, person)]})


def _chats(call: Call) -> Answer:
    raise GraphError(403, "Forbidden", f"Missing role permissions on the request to {call.path}.")

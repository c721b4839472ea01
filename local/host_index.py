"""Which functions an app has: the ``azure.functions`` app's own index, read once, as plain records."""

import inspect
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import azure.functions as func

_HANDLED = ("httpTrigger", "timerTrigger", "orchestrationTrigger", "activityTrigger")


class AppError(Exception):
    """The app cannot be hosted as it is; the message says why."""


@dataclass(frozen=True)
class IndexedFunction:
    """One function of the app.

    ``trigger`` is the binding name (``httpTrigger``), ``argument`` the parameter that receives it; ``code``
    is the plain user function, without the wrappers that the durable library puts around orchestrators and
    client functions.
    """

    name: str
    trigger: str
    argument: str
    code: Callable[..., Any]
    client_arguments: tuple[str, ...] = ()
    takes_context: bool = False
    methods: tuple[str, ...] = ()
    route: str = ""
    schedule: str = ""
    run_on_startup: bool = False

    @property
    def is_async(self) -> bool:
        """True when calling ``code`` gives a coroutine."""
        return inspect.iscoroutinefunction(self.code)


_indexed: weakref.WeakKeyDictionary[func.FunctionRegister, tuple[IndexedFunction, ...]] = weakref.WeakKeyDictionary()


def index_app(app: func.FunctionRegister) -> tuple[IndexedFunction, ...]:
    """All functions of ``app`` in the order of their names. Raises AppError for a trigger it doesn't support.

    The library refuses to index one app object twice, so the answer is kept as long as the app lives.
    """
    known = _indexed.get(app)
    if known is None:
        functions = sorted((_record(function) for function in app.get_functions()), key=lambda one: one.name)
        known = _indexed[app] = tuple(functions)
    return known


def _record(function: Any) -> IndexedFunction:
    trigger = function.get_trigger()
    kind = trigger.get_binding_name()
    name = str(function.get_function_name())
    if kind not in _HANDLED:
        raise AppError(f"function {name!r} has a {kind}; the local host runs only {', '.join(_HANDLED)}")
    wrapped = function.get_user_function()
    code = getattr(wrapped, "orchestrator_function", None) or getattr(wrapped, "client_function", None) or wrapped
    clients = tuple(b.name for b in function.get_bindings() if b.get_binding_name() == "durableClient")
    # Orchestrators and activities are called by the name their decorator may give them.
    alias = getattr(trigger, "orchestration", None) or getattr(trigger, "activity", None)
    methods = tuple(getattr(m, "value", str(m)) for m in getattr(trigger, "methods", None) or ())
    return IndexedFunction(
        name=alias or name,
        trigger=kind,
        argument=trigger.name,
        code=code,
        client_arguments=clients,
        takes_context=trigger.name != "context" and "context" in inspect.signature(code).parameters,
        methods=methods,
        route=getattr(trigger, "route", None) or name,
        schedule=getattr(trigger, "schedule", None) or "",
        run_on_startup=bool(getattr(trigger, "run_on_startup", False)),
    )

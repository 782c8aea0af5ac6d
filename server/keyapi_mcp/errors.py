"""Everything that can go wrong, split by who can mend it, and the one place that words it for a model.

    KeyApiMcpError
    ├── InvalidQuery             the caller: arguments that are wrong or contradict each other; nothing was sent
    ├── SetupError               the person who installed: a setting is missing or wrong; nothing was sent
    │   ├── MissingKey           no KeyAPI key is set
    │   ├── InvalidSettings      a setting or flag cannot be used (the process does not start)
    │   ├── StoreUnavailable     the store's file cannot be used
    │   ├── LedgerLost           the store was damaged, and what was spent is not known
    │   ├── LimitReached         a spending limit of the user's own
    │   └── Offline              not in the store, and asking the service is switched off
    └── ServiceError             the service or the way to it
        ├── RequestRejected      400: the service refused the parameters
        ├── KeyRejected          401, 403: the service refused the key
        ├── QuotaExhausted       402, or a 500 or a success without rows that speaks of quota
        ├── EndpointMissing      404: no such endpoint at this base URL
        ├── RateLimited          429, after waiting as asked within the time there is
        ├── ServiceFault         5xx, a redirect, or any other status
        ├── Unreachable          the request never left: name resolution, connection, TLS
        ├── TimedOut             sent, but no complete answer in time
        └── UnusableAnswer       a 200 whose body is cut, too large, or not the documented envelope

An error is raised, never returned. It states three things: what happened, whether a credit was spent, and what to
do next. None carries a key, a URL with a query, a stack or a body of the service.
"""

from __future__ import annotations

from typing import ClassVar, Final, Self

from keyapi_mcp import installation

# Why a store's file cannot be used, where the way on depends on it.
DAMAGED: Final = "it is damaged"
EMPTIED: Final = "it was emptied"
NO_STORE: Final = "it is no store of this program"
ANOTHER_PROCESS: Final = "another process"  # and what it does


class KeyApiMcpError(Exception):
    """Base of all errors that a caller may read.

    what: one or more plain sentences; next_step: one concrete step, with a value where there is one;
    request_id: the service's own id of the request, to quote to its support; maybe_spent: how many requests of the
    failed call may have cost a credit, because the service does not say whether it bills them; own_limit: a limit of
    this one call ended it, so that it does not speak for others who ask the same.
    """

    may_be_billed: ClassVar[bool] = False

    def __init__(self, what: str, next_step: str = "", *, request_id: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.next_step = next_step
        self.request_id = request_id
        self.maybe_spent = int(self.may_be_billed)
        self.own_limit = False

    def __copy__(self) -> Self:
        """One for each of several callers: an exception collects the traceback of everyone who raises it."""
        twin = type(self).__new__(type(self), *self.args)
        twin.__dict__.update(self.__dict__)
        return twin


class InvalidQuery(KeyApiMcpError):
    """Arguments that cannot be sent; `what` has one line a problem, each with its fix."""


class SetupError(KeyApiMcpError):
    """Something that only the person who installed the server can mend."""


class MissingKey(SetupError):
    """No KeyAPI key is set."""


class InvalidSettings(SetupError):
    """A setting or flag that cannot be used."""


class StoreUnavailable(SetupError):
    """The store's file cannot be opened, read or written. where: its path, or "memory"; why: in words."""

    def __init__(self, where: str, why: str) -> None:
        if why.startswith(ANOTHER_PROCESS):
            # Another place would have limits of its own.
            next_step = "end the other process, or try again."
        else:
            first = "mend it"
            if why in (DAMAGED, EMPTIED):
                now = installation.set_aside_now()
                first = f"a server's next call sets it aside and carries its credit ledger over{now}"
            next_step = f"{first}. If that does not help, {installation.choose_another_directory()}"
        super().__init__(f"The store at {where} cannot be used: {why}.", next_step)
        self.where = where
        self.why = why


class LedgerLost(SetupError):
    """It is not known what was spent, so nothing is until somebody has accepted that; nothing was sent."""


class LimitReached(SetupError):
    """A request that would go beyond a limit of the user's own; nothing was sent."""


class Offline(SetupError):
    """The answer is not in the store, and KEYAPI_MCP_OFFLINE forbids asking; nothing was sent."""


class ServiceError(KeyApiMcpError):
    """The service answered with a failure, or could not be asked."""


class RequestRejected(ServiceError):
    """HTTP or body code 400."""


class KeyRejected(ServiceError):
    """HTTP or body code 401 or 403."""


class QuotaExhausted(ServiceError):
    """HTTP or body code 402, or any failure, or success without rows, whose message speaks of quota."""


class EndpointMissing(ServiceError):
    """HTTP or body code 404."""


class RateLimited(ServiceError):
    """HTTP or body code 429. retry_after: seconds that the service asks to wait, where it says so."""

    def __init__(
        self, what: str, next_step: str = "", *, request_id: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(what, next_step, request_id=request_id)
        self.retry_after = retry_after


class ServiceFault(ServiceError):
    """A status that is none of the above. status: the HTTP status, or the code of a failure inside a 200."""

    may_be_billed = True

    def __init__(
        self, what: str, next_step: str = "", *, request_id: str | None = None, status: int | None = None
    ) -> None:
        super().__init__(what, next_step, request_id=request_id)
        self.status = status


class Unreachable(ServiceError):
    """The request was never sent."""


class TimedOut(ServiceError):
    """The request was sent and no complete answer came in time."""

    may_be_billed = True


class UnusableAnswer(ServiceError):
    """An answer that cannot be read as the documented envelope."""

    may_be_billed = True


def as_text(error: KeyApiMcpError) -> str:
    """Word an error for a model: what happened · whether a credit was spent · what to do next."""
    spent = (
        f"Credits: 0–{error.maybe_spent} spent; the service does not say whether it bills failed requests."
        if error.maybe_spent
        else "Credits: none spent."
    )
    parts = [error.what, spent]
    if error.next_step:
        parts.append(f"Next: {error.next_step}")
    if error.request_id:
        parts.append(f"Request id for the service's support: {error.request_id}")
    return "\n".join(parts)

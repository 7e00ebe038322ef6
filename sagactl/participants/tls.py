"""What a service's `tls` says, as a context: our certificate, and who is trusted."""

import ssl
from functools import lru_cache

from sagactl.definition.model import Saga, Tls
from sagactl.participants.transport import verified_tls


class TlsUnreadable(Exception):
    """A file is not there, or is no PEM; the message names it and says where it is asked for."""


def check_files(saga: Saga) -> None:
    """Read what its services and those of its sub-sagas name, before anything is sent to them.

    Raises TlsUnreadable.
    """
    for one in saga.family():
        for service in one.services.values():
            if service.auth is not None and service.auth.tls is not None:
                trust_of(service.auth.tls)


@lru_cache(maxsize=256)
def trust_of(tls: Tls, *, widened: bool = False) -> ssl.SSLContext:
    """The context for a service; raises TlsUnreadable.

    Where `ca` is given, nobody else is trusted; `widened`: whom this machine trusts is trusted too.
    Read once a process: what a run begins with, it goes on with.
    """
    context = verified_tls() if tls.ca is None or widened else _trusting_nobody()
    if tls.ca is not None:
        try:
            context.load_verify_locations(tls.ca)
        except (OSError, ValueError) as error:
            raise TlsUnreadable(f"{tls.place}: {_why(tls.ca, error)}") from None
    if tls.cert is not None:
        try:
            # Without a password OpenSSL would ask for one, on a terminal that may not be there.
            context.load_cert_chain(tls.cert, tls.key, password="")
        except (OSError, ValueError) as error:
            both = tls.cert if tls.key is None else f"{tls.cert} with {tls.key}"
            raise TlsUnreadable(f"{tls.place}: {_why(both, error)}") from None
    return context


def _trusting_nobody() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _why(files: str, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{files} is not there; paths are those from the definition"
    if isinstance(error, ssl.SSLError):
        reason = (error.reason or "").replace("_", " ").lower()
        return f"{files} cannot be used as PEM without a password: {reason or error}"
    return f"{files} cannot be read: {error}"

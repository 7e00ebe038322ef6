"""What is a secret by its name or by its looks. Pure, and no message shows what was found.

Conservative: a name or text counts only where hardly anything else is called or looks like that.
"""

import re
from collections.abc import Iterator

from sagactl.definition.model import Basic, Bearer, ClientCredentials, Saga
from sagactl.definition.template import Template

_NAME = re.compile(
    r"(?i)(?:^|[_.-])(?:password|passwd|passphrase|pwd|secret|client_?secret|api_?key|"
    r"access_?token|refresh_?token|auth_?token|private_?key|secret_?key)$"
)
_ENV = re.compile(
    r"(?i)(?:^|_)(?:password|passwd|passphrase|secrets?|token|api_?key|private_?key|access_?key|"
    r"credentials?)(?:_[0-9]+)?$"
)
# Issuers give their keys such beginnings so that they are found where they should not be.
_KNOWN = re.compile(
    r"(?<![A-Za-z0-9_])(?:"
    r"(?:sk|rk)_(?:live|test)_[0-9A-Za-z]{16,}|"  # Stripe
    r"gh[pousr]_[0-9A-Za-z]{30,}|github_pat_[0-9A-Za-z_]{30,}|glpat-[0-9A-Za-z_-]{20,}|"
    r"(?:AKIA|ASIA)[0-9A-Z]{16}(?![0-9A-Za-z])|"  # AWS
    r"xox[abeoprs]-[0-9A-Za-z-]{10,}|"  # Slack
    r"AIza[0-9A-Za-z_-]{35}|"  # Google
    r"SG\.[0-9A-Za-z_-]{16,}\.[0-9A-Za-z_-]{16,}|"  # SendGrid
    r"npm_[0-9A-Za-z]{36}|pypi-[0-9A-Za-z_-]{50,}|"
    r"eyJ[0-9A-Za-z_-]{8,}\.eyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]*|"  # a JSON Web Token
    r"https://hooks\.slack\.com/services/T[0-9A-Z]+/B[0-9A-Z]+/[0-9A-Za-z]{16,}|"
    r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----)"
)
# Each of those begins with one of these: to look for them is much quicker, and mostly enough.
_MARKS = (
    "sk_", "rk_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "AKIA", "ASIA",
    "xox", "AIza", "SG.", "npm_", "pypi-", "eyJ", "-----BEGIN ", "https://hooks.slack.com/",
)  # fmt: skip
# What a service of one's own calls its keys; the value must look like one, too.
_ALSO = re.compile(r"(?i)(?:^|[_.-])(?:token|secret|key|signature)$")
_SCHEME = re.compile(r"(?i)\s*(?:bearer|basic|token|apikey|digest|negotiate)\b\s*")
_RANDOM = re.compile(r"[0-9A-Za-z+/_=-]{20,}")
_HEX = re.compile(
    r"(?<![0-9A-Za-z])(?=[0-9a-f]*[a-f])(?=[0-9a-f]*[0-9])[0-9a-f]{32,}(?![0-9A-Za-z])"
)
# What people write in place of a secret.
_PLACEHOLDER = re.compile(r"(?i)[\s*x.•_-]*|<.*>|\{.*\}|change-?me|example|dummy|redacted|none")
_HEADERS = frozenset((
    "authorization", "proxy-authorization", "x-api-key", "api-key", "apikey", "x-auth-token",
    "x-access-token", "cookie",
))  # fmt: skip


def is_credential(name: str) -> bool:
    """Whether a field of this name carries what must not be known."""
    return _NAME.search(name) is not None


def is_credential_variable(name: str) -> bool:
    """Whether an environment variable of this name holds a secret; TOKEN_URL does not."""
    return _ENV.search(name) is not None


def is_credential_header(name: str) -> bool:
    """Whether a header of this name is there to prove who is asking."""
    return name.lower() in _HEADERS


def may_be_credential(name: str) -> bool:
    """Whether a header or field of this name may hold a key, where the value looks like one."""
    return _ALSO.search(name) is not None


def known_secrets(text: str) -> Iterator[tuple[int, int]]:
    """Where keys stand that their issuers have made recognizable, as offsets."""
    if any(mark in text for mark in _MARKS):
        for found in _KNOWN.finditer(text):
            yield found.span()


def is_literal_credential(text: str) -> bool:
    """Whether something besides the scheme is written out in a header that proves who is asking."""
    return _PLACEHOLDER.fullmatch(_SCHEME.sub("", text, count=1)) is None


def looks_random(text: str) -> bool:
    """Whether a part of a text is long, and of letters and digits as nobody would write them."""
    return _HEX.search(text) is not None or any(
        any(c.isdigit() for c in run)
        and any(c.isupper() for c in run)
        and any(map(str.islower, run))
        for run in _RANDOM.findall(text)
    )


def is_written_field(name: str, text: str) -> bool:
    """Whether a field of a body holds a secret, told by its name, or by its looks as well."""
    if any(known_secrets(text)):
        return False  # it is told where it stands
    if is_credential(name) and is_literal_credential(text):
        return True
    return may_be_credential(name) and looks_random(text)


def is_written_header(name: str, text: str, *, is_whole: bool) -> bool:
    """The same of the literal text of a header; not `is_whole`: expressions stand beside it."""
    if any(known_secrets(text)):
        return False
    if is_credential_header(name) and is_whole:
        return is_literal_credential(text)
    return (is_credential_header(name) or may_be_credential(name)) and looks_random(text)


def proofs(saga: Saga) -> Iterator[tuple[str, Template]]:
    """What in the `auth` of services proves who is asking."""
    for service in saga.services.values():
        match None if service.auth is None else service.auth.scheme:
            case Basic(password=password):
                yield "password", password
            case Bearer(token=token):
                yield "bearer", token
            case ClientCredentials(client_secret=secret):
                yield "client_secret", secret

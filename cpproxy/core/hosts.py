"""Names of hosts: whether two are the same, and whether one is among those that the config names."""


def fold(host: str) -> str:
    """A host's name in one spelling: in lower case, without the root's dot and without brackets."""
    return host.lower().rstrip(".").strip("[]")


def is_alike(host: str, other: str) -> bool:
    """Whether two names are of one host."""
    return fold(host) == fold(other)


def is_among(host: str, port: int, hosts: tuple[str, ...]) -> bool:
    """Whether a host is one of those that the config names, each with a port or for any."""
    for one in hosts:
        name, _, number = one.rpartition(":") if one[-1:].isdigit() and one.count(":") == 1 else (one, "", "")
        if is_alike(host, name) and (not number or not port or int(number) == port):
            return True
    return False

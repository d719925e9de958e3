"""Every key of the server in Redis. All keys of one user share a hash tag: they are in one slot of a Redis Cluster."""

VERSIONS = "xzb:versions"  # of the lists, see `services.snapshot`
RETENTION = "xzb:retention"


def token(userid: str) -> str:
    """The session: the token and the time of its renewal."""
    return f"xzb:{{{userid}}}:token"


def refresh_token(userid: str) -> str:
    """The refresh_token of the session, and the one before."""
    return f"xzb:{{{userid}}}:refresh"


def own_networks(userid: str) -> str:
    """The last networks from which the user has logged in, each with the time at which that was noted (Unix ms)."""
    return f"xzb:{{{userid}}}:networks"


def wrong_passwords(userid: str) -> str:
    """The limit on the user's wrong passwords from networks that are not the user's own."""
    return limit("wrong_passwords", userid)


def wrong_passwords_of_own(userid: str) -> str:
    """The limit on the user's wrong passwords from the user's own networks."""
    return f"{wrong_passwords(userid)}:own"


def wrong_passwords_from(userid: str, network: str) -> str:
    """The limit on the user's wrong passwords from one network."""
    return f"{wrong_passwords(userid)}:{network}"


def limit(name: str, subject: str) -> str:
    """A rate limit on what a user or a network does."""
    return f"xzb:{{{subject}}}:limit:{name}"


def verified_password(userid: str) -> str:
    """The check of the password that was verified last."""
    return f"xzb:{{{userid}}}:verified"


def voided_passwords(userid: str) -> str:
    """The digests of the stored passwords that changes or a deletion have replaced just now."""
    return f"xzb:{{{userid}}}:voided"


def of_user(userid: str) -> list[str]:
    """The keys of a user. `voided_passwords` is not among them: it has to outlast logins that are under way.

    Nor are limits that a network shares: they are gone within the period of their rate.
    """
    return [
        token(userid),
        refresh_token(userid),
        own_networks(userid),
        wrong_passwords(userid),
        wrong_passwords_of_own(userid),
        verified_password(userid),
    ]


def probe(machine: int, number: int) -> str:
    """A key that a machine writes to prove that Redis can write. Each node of a cluster has some of the numbers."""
    return f"xzb:probe:{machine}:{number}"

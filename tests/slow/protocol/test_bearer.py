from tests.protocol.test_bearer import *  # noqa: F403

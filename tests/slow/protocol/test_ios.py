from tests.protocol.test_ios import *  # noqa: F403

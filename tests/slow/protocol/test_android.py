from tests.protocol.test_android import *  # noqa: F403

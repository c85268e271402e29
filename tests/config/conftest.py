from typing import Any

import pytest

from backstay.configuration import Configuration
from tests.config.running import document
from tests.support.worlds import FLAVOURS


@pytest.fixture(params=sorted(FLAVOURS))
def start(request: pytest.FixtureRequest):
    """Makes a running configuration whose calls are compiled, and one whose calls are carried out step by step."""

    class Flavoured(Configuration):
        POLICY = FLAVOURS[request.param]

    def start(*rows: dict[str, Any], **more: Any) -> Configuration:
        configuration = Flavoured(None, {"last": lambda failure: "last"}, {})
        configuration._bind = more.pop("bind", {})
        configuration.apply(document(*rows, **more))
        return configuration

    return start

import errno

import pytest

from backstay_core.errors.classifier import Classifier

NOW = 784_111_777_000_000_000  # Sun, 06 Nov 1994 08:49:37 GMT


@pytest.fixture
def classifier() -> Classifier:
    return Classifier(errno.errorcode, lambda: NOW)

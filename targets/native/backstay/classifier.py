"""The classifier of this process."""

from __future__ import annotations

from errno import errorcode
from time import time_ns

from backstay_core.errors.classifier import Classifier

CLASSIFIER = Classifier(errorcode, time_ns)
classify = CLASSIFIER.classify
register_classifier = CLASSIFIER.register

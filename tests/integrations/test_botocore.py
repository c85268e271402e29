"""AWS clients under a policy, against a loopback server that speaks DynamoDB's JSON protocol and S3's REST: rules BO1
to BO4 in `backstay.integrations.botocore`."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import Session

from backstay import CircuitBreaker, CircuitOpen, ConfigurationError, DeadlineExceeded, Policy, Retry, deadline
from backstay.integrations.botocore import guard_client
from tests.integrations.server import Answer, serving

pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")


def error(code: str, status: int = 400) -> Answer:
    return Answer(status, json.dumps({"__type": f"com.amazon#{code}", "message": "as the script says"}).encode())


THROTTLED = error("ThrottlingException")
BROKEN = error("InternalServerError", 500)
EMPTY = Answer(200, b"{}")
Make = Callable[..., Any]


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    """Whatever account this machine has is not asked for."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        patch.setenv("AWS_CONFIG_FILE", os.devnull)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        yield Session()


@pytest.fixture
def make(session: Session) -> Iterator[Make]:
    made: list[Any] = []

    def making(url: str, policy: Any, service: str = "dynamodb", signed: bool = True, **options: Any) -> Any:
        client = session.create_client(
            service,
            region_name="eu-west-1",
            endpoint_url=url,
            aws_access_key_id="id",
            aws_secret_access_key="secret",
            config=Config(
                proxies={},
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                **({} if signed else {"signature_version": UNSIGNED}),
            ),
        )
        made.append(client)
        return guard_client(client, policy, **options)

    yield making
    for client in made:
        client.close()


def retrying(attempts: int = 3) -> Policy:
    return Policy("aws", Retry(attempts, base=0))


ITEM = {"TableName": "t", "Item": {"id": {"S": "1"}}}


def test_reading_is_repeated(make: Make):
    with serving(BROKEN, BROKEN, Answer(200, b'{"TableNames": ["t"]}')) as server:
        # InternalServerError is no failure that trying again helps; ServiceUnavailable is
        server.script[:2] = [error("ServiceUnavailable", 503)] * 2
        assert make(server.url, retrying()).list_tables()["TableNames"] == ["t"]
        assert len(server.requests) == 3


def test_writing_is_not(make: Make):
    with serving(error("ServiceUnavailable", 503), EMPTY) as server:
        with pytest.raises(ClientError):
            make(server.url, retrying()).put_item(**ITEM)
        assert len(server.requests) == 1, "nor by botocore (BO1)"


def test_writing_that_was_named_is(make: Make):
    with serving(error("ServiceUnavailable", 503), EMPTY) as server:
        make(server.url, retrying(), idempotent=["PutItem"]).put_item(**ITEM)
        assert len(server.requests) == 2


def test_what_was_throttled_was_not_executed(make: Make):
    with serving(THROTTLED, EMPTY) as server:
        make(server.url, retrying()).put_item(**ITEM)
        assert len(server.requests) == 2


def test_an_idempotency_token_stays_the_same(make: Make):
    with serving(error("ServiceUnavailable", 503), EMPTY) as server:
        put = {"Put": ITEM}
        make(server.url, retrying()).transact_write_items(TransactItems=[put])
        tokens = [json.loads(request.body)["ClientRequestToken"] for request in server.requests]
        assert len(tokens) == 2
        assert len(set(tokens)) == 1


def test_a_breaker_counts_and_refuses(make: Make):
    with serving(*[error("ServiceUnavailable", 503)] * 2) as server:
        client = make(server.url, Policy("aws", CircuitBreaker.consecutive(2)))
        for _ in range(2):
            with pytest.raises(ClientError):
                client.list_tables()
        with pytest.raises(CircuitOpen):
            client.list_tables()
        assert len(server.requests) == 2


def test_mistakes_of_the_caller_are_not_repeated(make: Make):
    with serving(error("ValidationException")) as server:
        with pytest.raises(ClientError):
            make(server.url, retrying()).list_tables()
        assert len(server.requests) == 1


class Unseekable(io.RawIOBase):
    """A pipe, say."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = min(len(buffer), len(self.data))
        buffer[:count], self.data = self.data[:count], self.data[count:]
        return count


SLOW_DOWN = Answer(503, b"<Error><Code>SlowDown</Code><Message>less</Message></Error>")


def test_a_file_is_read_again_from_where_it_was(make: Make):
    file = io.BytesIO(b"skipped,body")
    file.seek(8)
    with serving(SLOW_DOWN, Answer(200, b"")) as server:
        client = make(server.url, retrying(), "s3", idempotent=["PutObject"])
        client.put_object(Bucket="b", Key="k", Body=file)
        assert [request.body for request in server.requests] == [b"body", b"body"]


def test_a_body_that_cannot_be_rewound_is_sent_once(make: Make):
    with serving(SLOW_DOWN) as server:
        client = make(server.url, retrying(), "s3", signed=False, idempotent=["PutObject"])
        with pytest.raises(ClientError, match="SlowDown"):
            client.put_object(Bucket="b", Key="k", Body=Unseekable(b"body"), ContentLength=4)
        assert len(server.requests) == 1


def test_a_call_that_comes_too_late_is_not_sent(make: Make):
    with serving() as server:
        client = make(server.url, retrying())
        with deadline(0), pytest.raises(DeadlineExceeded):
            client.list_tables()
        assert server.requests == []


def test_a_state_for_each_operation(make: Make):
    keyed = Policy("aws", CircuitBreaker()).keyed()
    with serving(Answer(200, b'{"TableNames": []}'), EMPTY) as server:
        client = make(server.url, keyed)
        client.list_tables()
        client.put_item(**ITEM)
    assert keyed.keys() == ["dynamodb:ListTables", "dynamodb:PutItem"]


def test_a_client_is_guarded_once_and_not_after_its_end(make: Make):
    with serving() as server:
        client = make(server.url, retrying())
        with pytest.raises(ConfigurationError, match="guarded already"):
            guard_client(client, retrying())
        client.close()
        with pytest.raises(ConfigurationError, match="is closed"):
            client.list_tables()
        assert server.requests == []


@pytest.mark.parametrize("what", [None, object(), "s3"])
def test_what_is_no_client_is_refused(what: Any):
    with pytest.raises(ConfigurationError, match="takes a botocore client"):
        guard_client(what, retrying())

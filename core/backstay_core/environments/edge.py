"""What a gateway or device at the edge tells: tables of readings. See `sources`."""

from backstay_core.environments import machine
from backstay_core.environments.health import MACHINE, Rule
from backstay_core.environments.machine import same
from backstay_core.environments.parsing import line, number, says
from backstay_core.environments.sources import From, Row

ROUTES = "/proc/net/route"


def default_route(text: str) -> "str | None":
    """The interface of the route to everywhere."""
    for each in text.split("\n")[1:]:
        words = each.split()
        if len(words) > 7 and words[1] == "00000000" and words[7] == "00000000":
            return words[0]
    return None


def _no_way_out(text: str) -> int:
    return 0 if default_route(text) else 1


INFO = machine.INFO + (
    Row("platform", "", "that manages the device",
        From("env:AWS_IOT_THING_NAME", parse=says("aws_greengrass")),
        From("env:AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT", parse=says("aws_greengrass")),
        From("env:IOTEDGE_DEVICEID", parse=says("azure_iot_edge")),
        From("env:EDGEX_SECURITY_SECRET_STORE", parse=says("edgex")),
        From("env:BALENA", parse=says("balena"))),
    Row("device", "", "its name at the platform",
        From("env:AWS_IOT_THING_NAME", parse=same), From("env:IOTEDGE_DEVICEID", parse=same),
        From("env:BALENA_DEVICE_UUID", parse=same)),
    Row("offline_after", "s", "without a way out that count as offline, as the configuration says",
        From("setting:offline_after", parse=same)),
    Row("model", "", "of the board", From("/proc/device-tree/model", parse=line),
        From("/sys/class/dmi/id/product_name", parse=line)),
)  # fmt: skip
USAGE = machine.USAGE + (
    Row("default_route", "", "interface that leads to the network", From(ROUTES, parse=default_route),
        group=machine.NETWORK),
    Row("no_way_out", "", "1: there is no route to the network", From(ROUTES, parse=_no_way_out),
        group=machine.NETWORK),
    Row("temperature", "°C", "of the board",
        From("/sys/class/thermal/thermal_zone0/temp", parse=lambda text: round(number(text) / 1000, 1))),
)  # fmt: skip
RULES = MACHINE + (
    Rule("network", "no_way_out", "", 1.0),
    Rule("temperature", "temperature", "°C", 75.0, 85.0, 95.0),
)

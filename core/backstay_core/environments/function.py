"""What a function platform tells: which one it is, the function's name, version, region and memory.

The variables are those that the platforms document.
"""

from backstay_core.environments import container, machine
from backstay_core.environments.machine import same
from backstay_core.environments.parsing import kib, percent, says, whole
from backstay_core.environments.sources import From, Row, rows_without

MIB = 1 << 20


def _mebibytes(text: str) -> int:
    return whole(text) * MIB


INFO = rows_without(machine.INFO, "total_memory") + (
    Row("platform", "", "that runs the function",
        From("env:AWS_LAMBDA_FUNCTION_NAME", parse=says("aws_lambda")),
        From("env:FUNCTIONS_WORKER_RUNTIME", parse=says("azure_functions")),
        From("env:FUNCTION_TARGET", parse=says("google_cloud_functions")),
        From("env:K_SERVICE", parse=says("knative")),
        From("env:FC_FUNCTION_NAME", parse=says("alibaba_function_compute")),
        From("env:__OW_ACTION_NAME", parse=says("openwhisk")),
        From("env:VERCEL", parse=says("vercel")),
        From("env:FN_FN_ID", parse=says("fn"))),
    Row("function_name", "", "its name",
        From("env:AWS_LAMBDA_FUNCTION_NAME", parse=same), From("env:K_SERVICE", parse=same),
        From("env:WEBSITE_SITE_NAME", parse=same), From("env:FC_FUNCTION_NAME", parse=same),
        From("env:__OW_ACTION_NAME", parse=same)),
    Row("function_version", "", "its version",
        From("env:AWS_LAMBDA_FUNCTION_VERSION", parse=same), From("env:K_REVISION", parse=same),
        From("env:__OW_ACTION_VERSION", parse=same)),
    Row("region", "", "where it runs",
        From("env:AWS_REGION", parse=same), From("env:REGION_NAME", parse=same), From("env:VERCEL_REGION", parse=same),
        From("env:FC_REGION", parse=same)),
    Row("initialization", "", "on demand, or kept ready",
        From("env:AWS_LAMBDA_INITIALIZATION_TYPE", parse=same)),
    Row("memory_limit", "bytes", "of one instance",
        From("env:AWS_LAMBDA_FUNCTION_MEMORY_SIZE", parse=_mebibytes), From("env:FC_MEMORY_SIZE", parse=_mebibytes),
        container.MEMORY_LIMIT),
    Row("reserve", "s", "kept free before the platform ends the invocation, as the configuration says",
        From("setting:reserve", parse=same)),
    Row("machine_memory", "bytes", "memory of the machine", From(machine.MEMORY, parse=kib("MemTotal"))),
    Row("total_memory", "bytes", "that may be used: the limit, or else the machine's",
        From("=memory_limit", "=machine_memory", parse=min), From("=memory_limit", parse=same),
        From("=machine_memory", parse=same)),
)  # fmt: skip

USAGE = rows_without(machine.USAGE, "process_count", "processes_blocked", "memory_usage_percent") + (
    Row("memory_limit", "bytes", "of one instance",
        From("env:AWS_LAMBDA_FUNCTION_MEMORY_SIZE", parse=_mebibytes), From("env:FC_MEMORY_SIZE", parse=_mebibytes),
        container.MEMORY_LIMIT),
    Row("memory_usage_percent", "%", "of the limit that this process uses, or else of the machine's memory in use",
        From("=process_memory_bytes", "=memory_limit", parse=percent),
        From("=memory_usage_bytes", machine.MEMORY,
             parse=lambda used, text: percent(used, kib("MemTotal")(text) or 0))),
)  # fmt: skip

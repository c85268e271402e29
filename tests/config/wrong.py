"""Documents that are refused, and what is said of them."""


def policy(*rows: str) -> str:
    return "".join(f"[[policies.p.strategies]]\n{row}\n" for row in rows)


#  document in TOML → what is said of it
WRONG = {
    "policies is no table": ("policies = 1", "policies: must be a table; got 1"),
    "a policy is no table": ("policies.p = []", "policies.p: must be a table; got a list"),
    "a policy without strategies": ("[policies.p]", "policies.p: needs strategies (the strategies, outermost first)"),
    "an empty name": ('[policies.""]\nstrategies = []', 'policies."": a policy\'s name must not be empty'),
    "strategies is no list": (
        "policies.p.strategies = {}",
        "policies.p.strategies: must be a list of tables; got a table",
    ),
    "a strategy is no table": (
        "policies.p.strategies = [1]",
        "policies.p.strategies[0]: must be a table with a kind; got 1",
    ),
    "no kind": ("policies.p.strategies = [{}]", "policies.p.strategies[0]: needs a kind: one of "),
    "kind is no text": ("policies.p.strategies = [{kind = 1}]", "policies.p.strategies[0].kind: must be a text; got 1"),
    "seed": ("policies.p = {strategies = [], seed = 1.0}", "policies.p.seed: must be a whole number; got 1.0"),
    "seed is a flag": (
        "policies.p = {strategies = [], seed = true}",
        "policies.p.seed: must be a whole number; got True",
    ),
    "failures": (
        "policies.p = {strategies = [], failures = 3}",
        "policies.p.failures: must be a name, or a list of names that is not empty",
    ),
    "attempts": (policy('kind = "retry"\nattempts = 0'), "[0].attempts: must be at least 1 and at most 1000000; got 0"),
    "on is empty": (policy('kind = "retry"\non = []'), "[0].on: must be a name, or a list of names that is not empty"),
    "results": (policy('kind = "retry"\nresults = 3'), "[0].results: must name results or be a function of the result"),
    "backoff": (policy('kind = "retry"\nbackoff = "x"'), "[0].backoff: must be one of full_jitter, "),
    "budget": (policy('kind = "retry"\nbudget = 3'), "[0].budget: must be a name; got 3"),
    "budget's own": (
        policy('kind = "retry"\nbudget = {ratio = 2}'),
        "[0].budget.ratio: must be at least 0 and at most 1",
    ),
    "budget's key": (
        policy('kind = "retry"\nbudget = {rate = 2}'),
        "[0].budget.rate: unknown option rate; it takes ratio, ",
    ),
    "a breaker for a budget": (
        policy('kind = "retry"\nbudget = "b"') + '[shared.b]\nkind = "circuit_breaker"',
        "[0].budget: b is no budget",
    ),
    "a budget for a strategy": (policy('shared = "b"') + '[shared.b]\nkind = "budget"', "[0].shared: b is a budget"),
    "shared and more": (
        policy('shared = "b"\nkind = "bulkhead"') + '[shared.b]\nkind = "bulkhead"\nlimit = 1',
        "[0].kind: unknown option kind; it takes shared",
    ),
    "shared twice": (
        policy('shared = "b"', 'shared = "b"') + '[shared.b]\nkind = "bulkhead"\nlimit = 1',
        "[1]: b stands in this policy twice",
    ),
    "shared without state": (
        '[shared.t]\nkind = "timeout"\nseconds = 1',
        "shared.t.kind: timeout has no state to share",
    ),
    "value and call": (policy('kind = "fallback"\nvalue = 1\ncall = "f"'), "[0]: takes value or call, not both"),
    "call": (policy('kind = "fallback"\ncall = 1'), "[0].call: must be the name of a function that is bound in code"),
    "two that do not fit": (
        policy('kind = "circuit_breaker"\nminimum_calls = 200'),
        "[0].minimum_calls: must be at most window_calls, 100; got 200",
    ),
    "an infinite time": (policy('kind = "timeout"\nseconds = inf'), "[0].seconds: must be a finite number; got inf"),
    "no number": (policy('kind = "timeout"\nseconds = nan'), "[0].seconds: must be a finite number; got nan"),
    "a date": (
        policy('kind = "fallback"\nvalue = 2020-01-01'),
        "[0].value: is a date or time, which nothing here takes",
    ),
    "a huge number": (
        policy(f'kind = "retry"\nattempts = 0x{"f" * 400}'),
        "[0].attempts: is a number of more than 64 bits",
    ),
    "a long time": (policy('kind = "timeout"\nseconds = 1e10'), "[0].seconds: must be less than 146 years of seconds"),
    "a long name": (f"{'x' * 1000} = 1", 'unknown key "xxx'),
    "an environment's full name": (
        "[runtime_environments.operating_system]",
        "there are os, embedded, real_time_os, game_engine, mobile, virtual_machine, micro_vm, container, "
        "kubernetes_pod, webassembly, function_as_a_service, edge_computing, blockchain; did you mean 'os'?",
    ),
    "an environment's value": (
        "[runtime_environments.embedded]\ntotal_memory = 0",
        "runtime_environments.embedded.total_memory: must be at least 1; got 0",
    ),
}

"""Two processes of the gateway on two cores: the rate against one process on one core."""

from benchmarks.bench import Found, Plan


def run(plan: Plan) -> Found:
    found = Found("processes", "one process, two processes")
    found.add("processes", None, "not yet: this release runs one process")
    return found

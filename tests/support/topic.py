"""`python -m support.topic BOOTSTRAP NAME CONFIG=VALUE ...`: a topic with three copies."""

import json
import sys

from stockstream import config
from stockstream.kafka.cluster_admin import ClusterAdmin


def admin(bootstrap: str) -> ClusterAdmin:
    """Return a client for topics that waits long enough for a cluster with a fault."""
    return ClusterAdmin(config.load({"KAFKA_BOOTSTRAP_SERVERS": bootstrap}), timeout_s=30)


def main() -> None:
    """Create it with one partition."""
    bootstrap, name, *configs = sys.argv[1:]
    pairs = (word.partition("=") for word in configs)
    admin(bootstrap).create(name, 1, 3, {key: value for key, _, value in pairs})
    print(json.dumps({"created": name}))


if __name__ == "__main__":
    main()

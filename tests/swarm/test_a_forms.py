"""The shipped stack forms from zero on three nodes, hardened as it says."""

from lab.swarm import Swarm


def test_stack_forms_from_zero_on_three_nodes(stack: Swarm) -> None:
    """The plain `docker stack deploy` ends with each service at its replicas, and the topics."""
    print(stack.replicas())

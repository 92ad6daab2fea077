"""The whole stack on one node, as for trying it: the same file, the same commands, another name."""

from lab.swarm import BROKERS, FIRST, NODES, ZOOKEEPERS, Swarm

STACK_NAME = "trial"
SERVICES = (*ZOOKEEPERS, *BROKERS, "producer", "consumer", "websocket-bridge")


def test_one_node_takes_the_whole_stack(swarm: Swarm) -> None:
    """With all identities on one node the stack forms there, and every check passes."""
    swarm.script("remove.sh", "--volumes", "--yes", check=True)
    swarm.script("prepare-swarm.sh", "--nodes", FIRST, "--move", check=True)
    for node in NODES[1:]:
        swarm.docker("node", "update", "--label-rm", "stockstream.bridge", node)
        swarm.docker("node", "update", "--availability", "drain", node)
    done = swarm.script("deploy.sh", STACK_NAME=STACK_NAME)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\nFAIL" not in done.stdout
    for service in SERVICES:
        shown = swarm.docker(
            "service", "ps", "--filter", "desired-state=running", "--format", "{{.Node}}",
            f"{STACK_NAME}_{service}",
        )  # fmt: skip
        assert set(shown.split()) == {FIRST}
    removed = swarm.script("remove.sh", "--volumes", "--yes", STACK_NAME=STACK_NAME, check=True)
    assert f"deleted volume {STACK_NAME}_" in removed.stdout

"""The whole stack on one node, as for trying it: the same file, the same commands."""

from lab.swarm import BROKERS, FIRST, NODES, ZOOKEEPERS, Swarm


def test_one_node_takes_the_whole_stack(swarm: Swarm) -> None:
    """With all identities on one node the stack forms there, and every check passes."""
    swarm.script("remove.sh", "--volumes", "--yes", check=True)
    swarm.script("prepare-swarm.sh", "--nodes", FIRST, "--move", check=True)
    for node in NODES[1:]:
        swarm.docker("node", "update", "--label-rm", "stockstream.bridge", node)
        swarm.docker("node", "update", "--availability", "drain", node)
    done = swarm.script("deploy.sh")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\nFAIL" not in done.stdout
    for service in (*ZOOKEEPERS, *BROKERS, "producer", "consumer", "websocket-bridge"):
        assert {each.node for each in swarm.containers(service)} == {FIRST}

"""Faults for validate-project phase2: the check that has to see each, a name, and the edit."""

from pathlib import Path

from support.faults import Fault, add, edit, not_utf8, remove

STACK = "phase2/docker-stack.yml"


def stack(old: str, new: str) -> Fault:
    return edit(STACK, old, new)


def topics(old: str, new: str) -> Fault:
    """Return a fault in the production topics, which stand behind the development ones."""

    def inject(root: Path) -> None:
        dev, _, prod = (root / "config/topics.yml").read_text().partition("\nprod:")
        assert old in prod, old
        (root / "config/topics.yml").write_text(f"{dev}\nprod:{prod.replace(old, new, 1)}")

    return inject


def kafka_1(line: str) -> Fault:
    """Return a fault that gives the first broker a variable more."""
    return stack("      KAFKA_BROKER_ID:", f"      {line}\n      KAFKA_BROKER_ID:")


def other_pong_timeout(root: Path) -> None:
    """Give a setting of the bridge another default, wherever it is shown."""
    edit(STACK, "${PONG_TIMEOUT:-10}", "${PONG_TIMEOUT:-11}")(root)
    edit("phase2/.env.example", "PONG_TIMEOUT=10", "PONG_TIMEOUT=11")(root)


def env(text: str) -> Fault:
    return add("phase2/.env", text)


KAFKA_PROBE = '["CMD", "bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9092"]'
ZOOKEEPER_RESOURCES = "resources: *zookeeper-resources"
KAFKA_1 = "INTERNAL://kafka-1:9092"
PRODUCER = 'image: ${STOCKSTREAM_IMAGE:-stockstream:dev}\n    command: ["producer"]'

FAULTS: list[tuple[str, str, Fault]] = [
    ("files", "no example of the variables", remove("phase2/.env.example")),
    ("YAML", "broken YAML", stack("services:\n", "services: [\n")),
    ("YAML", "variables that are no text", not_utf8("phase2/.env")),
    ("images pinned", "a branch", env("KAFKA_IMAGE=mirror.example/kafka:main\n")),
    ("images pinned", "KRaft only", env("KAFKA_IMAGE=apache/kafka:3.9.1\n")),
    ("images pinned", "latest", stack("cp-kafka:7.9.7", "cp-kafka:latest")),
    ("images pinned", "no ZooKeeper any more", stack("cp-kafka:7.9.7", "cp-kafka:8.0.0")),
    ("health checks", "none", stack("    healthcheck: *heartbeat\n", "")),
    ("health checks", "a JVM",
     stack(KAFKA_PROBE, '["CMD", "kafka-topics", "--list"]')),
    ("health checks", "nobody asked", stack(KAFKA_PROBE, '["CMD", "true"]')),
    ("health checks", "switched off",
     stack(f"test: {KAFKA_PROBE}", f"disable: true\n    test: {KAFKA_PROBE}")),
    ("health checks", "a port where nobody listens",
     stack(KAFKA_PROBE, KAFKA_PROBE.replace("9092", "9093"))),
    ("health checks", "cannot fail",
     stack("[[ $$answer == imok ]]", "[[ $$answer == imok ]] || true")),
    ("health checks", "another heartbeat",
     stack('HEARTBEAT_FILE: "/tmp/heartbeat"', 'HEARTBEAT_FILE: "/tmp/beat"')),
    ("health checks", "no time to recover", stack("start_period: 900s", "start_period: 60s")),
    ("health checks", "always green", stack("[[ $$answer == imok ]]", "true")),
    ("ids", "one id twice", stack('KAFKA_BROKER_ID: "2"', 'KAFKA_BROKER_ID: "1"')),
    ("ids", "an id that is no number", stack('KAFKA_BROKER_ID: "2"', 'KAFKA_BROKER_ID: "two"')),
    ("Kafka's start", "a port of the old form", kafka_1('KAFKA_PORT: "9092"')),
    ("Kafka's start", "KRaft", kafka_1('KAFKA_PROCESS_ROLES: "broker"')),
    ("listeners", "only the container itself",
     stack("INTERNAL://0.0.0.0:9092", "INTERNAL://127.0.0.1:9092")),
    ("listeners", "one port for two",
     stack("INTERNAL://0.0.0.0:9092", "INTERNAL://0.0.0.0:9092,OTHER://0.0.0.0:9092")),
    ("listeners", "the machine's own name", stack(KAFKA_1, "INTERNAL://localhost:9092")),
    ("listeners", "another broker's name", stack(KAFKA_1, "INTERNAL://kafka-2:9092")),
    ("listeners", "another port", stack(KAFKA_1, "INTERNAL://kafka-1:9093")),
    ("client addresses", "a name of no service",
     stack('SERVERS: "kafka-1:9092,', 'SERVERS: "kafka-0:9092,')),
    ("client addresses", "no common network",
     stack("networks: [back, front]", "networks: [front]")),
    ("ZooKeeper addresses", "a name of no service",
     stack('CONNECT: "zookeeper-1:2181', 'CONNECT: "zookeeper:2181')),
    ("networks", "not declared", stack("  front: *overlay\n", "")),
    ("networks", "brokers on the front one",
     stack("networks: [back]\n  ulimits", "networks: [back, front]\n  ulimits")),
    ("ports", "an open broker",
     stack("    hostname: kafka-1\n", '    hostname: kafka-1\n    ports: ["9092:9092"]\n')),
    ("ports", "to where nobody listens", stack("target: 8080", "target: 8099")),
    ("ports", "from where nobody can come",
     stack('WEBSOCKET_HOST: "0.0.0.0"', 'WEBSOCKET_HOST: "127.0.0.1"')),
    ("volumes", "no place for the settings",
     stack("      - *tmpfs-etc-kafka\n      - *tmpfs-var-log-kafka\n      - *tmpfs-kafka",
           "      - *tmpfs-var-log-kafka\n      - *tmpfs-kafka")),
    ("volumes", "no /tmp", stack("    volumes: [*tmpfs-tmp]\n", "")),
    ("volumes", "data in the container",
     stack("      - kafka-1-data:/var/lib/kafka/data\n", "")),
    ("volumes", "no place for the natives",
     stack("- kafka-2-tmp:/tmp", "- { type: tmpfs, target: /tmp }")),
    ("volumes", "one volume twice", stack("kafka-2-data:/var", "kafka-1-data:/var")),
    ("memory", "a limit below the heap", stack("${KAFKA_MEMORY:-1280M}", "1024M")),
    ("memory", "no limit", stack('{ cpus: "1.0", memory: 256M }', '{ cpus: "1.0" }')),
    ("memory", "a heap below its first size", env("KAFKA_HEAP=200m\n")),
    ("no JMX port", "a port",
     stack("      KAFKA_BROKER_ID:", '      KAFKA_JMX_PORT: "9999"\n      KAFKA_BROKER_ID:')),
    ("no auto-creation", "switched on",
     stack('AUTO_CREATE_TOPICS_ENABLE: "false"', 'AUTO_CREATE_TOPICS_ENABLE: "true"')),
    ("hardening", "a writable root", stack("read_only: true", "read_only: false")),
    ("hardening", "capabilities", stack("  cap_drop: [ALL]\n", "")),
    ("hardening", "a group that may not write", stack('"1000:0"', '"1000:1000"')),
    ("hardening", "another capability",
     stack("  cap_drop: [ALL]\n", "  cap_drop: [ALL]\n  cap_add: [NET_ADMIN]\n")),
    ("hardening", "the engine's socket",
     stack("    volumes: [*tmpfs-tmp]\n",
           '    volumes: [*tmpfs-tmp, "/var/run/docker.sock:/var/run/docker.sock"]\n')),
    ("logs", "no rotation", stack("  logging: *logging\n", "")),
    ("applied topics", "those of development",
     stack('["topics", "apply", "--phase", "prod"]', '["topics", "apply"]')),
    ("applied topics", "by nobody",
     stack('["topics", "apply", "--phase", "prod"]', '["producer"]')),
    ("replication", "more copies than brokers",
     topics("replication_factor: 3", "replication_factor: 4")),
    ("Swarm keys", "a key that is dropped",
     stack("  image: ${KAFKA_IMAGE", '  security_opt: ["a:b"]\n  image: ${KAFKA_IMAGE')),
    ("Swarm keys", "memory in compose's way", stack(PRODUCER, f"tmpfs: [/tmp]\n    {PRODUCER}")),
    ("Swarm keys", "a start order", stack(PRODUCER, f"depends_on: [kafka-1]\n    {PRODUCER}")),
    ("Swarm keys", "an older form", stack('version: "3.9"', 'version: "3.3"')),
    ("Swarm keys", "a name", stack('version: "3.9"\n', 'version: "3.9"\nname: stockstream\n')),
    ("identities", "another broker's label",
     stack("stockstream.kafka-3 ==", "stockstream.kafka-2 ==")),
    ("identities", "a bridge anywhere",
     stack("      placement: { constraints: [node.labels.stockstream.bridge == true] }\n", "")),
    ("identities", "two tasks with one id",
     stack(ZOOKEEPER_RESOURCES, f"replicas: 2\n      {ZOOKEEPER_RESOURCES}")),
    ("identities", "a hostname by chance", stack("    hostname: zookeeper-2\n", "")),
    ("ensemble", "another order",
     stack(":3888;zookeeper-2:2888:3888;zookeeper-3", ":3888;zookeeper-3:2888:3888;zookeeper-2")),
    ("ensemble", "bound to one address",
     stack('QUORUM_LISTEN_ON_ALL_IPS: "true"', 'QUORUM_LISTEN_ON_ALL_IPS: "false"')),
    ("endpoints", "a virtual IP", stack("endpoint_mode: dnsrr", "endpoint_mode: vip")),
    ("endpoints", "the ingress mesh", stack("{ mode: host,", "{ mode: ingress,")),
    ("endpoints", "two tasks on a port", stack("      mode: global\n", "      replicas: 2\n")),
    ("overlay networks", "no tool can join", stack("  attachable: true\n", "")),
    ("overlay networks", "one host only", stack("driver: overlay", "driver: bridge")),
    ("resources", "a core more than the host has", stack('cpus: "1.0"', 'cpus: "4.0"')),
    ("resources", "a reserved core",
     stack("reservations: { memory: 768M }", 'reservations: { memory: 768M, cpus: "1.0" }')),
    ("resources", "too much in all", stack("{ memory: 768M }", "{ memory: 1024M }")),
    ("resources", "no reservation",
     stack(ZOOKEEPER_RESOURCES, 'resources: { limits: { cpus: "1.0", memory: 512M } }')),
    ("resources", "few open files",
     stack("    ulimits:\n      nofile: { soft: 16384, hard: 16384 }\n    volumes", "    volumes")),
    ("updates", "the new one first", stack("order: stop-first", "order: start-first")),
    ("updates", "down for good",
     stack("{ condition: any, delay: 5s }", "{ condition: any, delay: 5s, max_attempts: 3 }")),
    ("updates", "never again", stack("{ condition: any,", "{ condition: none,")),
    ("updates", "topics without end",
     stack("{ condition: on-failure, delay: 10s }", "{ condition: any, delay: 10s }")),
    ("updates", "a producer that stays down",
     stack("      <<: *deploy\n      replicas: ${PRODUCER",
           "      <<: *deploy\n      restart_policy: { condition: on-failure }\n"
           "      replicas: ${PRODUCER")),
    ("updates", "killed in the middle", stack("stop_grace_period: 120s", "stop_grace_period: 10s")),
    ("consumer groups", "one name for all", stack("-{{.Node.Hostname}}", "")),
    ("one image a kind", "left behind",
     stack(PRODUCER, PRODUCER.replace("${STOCKSTREAM_IMAGE:-stockstream:dev}", "stockstream:0.1"))),
    ("durability", "an unclean leader",
     stack('UNCLEAN_LEADER_ELECTION_ENABLE: "false"', 'UNCLEAN_LEADER_ELECTION_ENABLE: "true"')),
    ("durability", "one copy is enough",
     stack('KAFKA_MIN_INSYNC_REPLICAS: "2"', 'KAFKA_MIN_INSYNC_REPLICAS: "1"')),
    ("durability", "a topic with one copy is enough",
     topics("min.insync.replicas: 2", "min.insync.replicas: 1")),
    ("replication", "more acknowledgements than brokers",
     stack('KAFKA_MIN_INSYNC_REPLICAS: "2"', 'KAFKA_MIN_INSYNC_REPLICAS: "4"')),
    ("bridge settings", "one that cannot be set",
     stack('      PONG_TIMEOUT: "${PONG_TIMEOUT:-10}"\n', "")),
    ("bridge settings", "one that is fixed", stack("${PONG_TIMEOUT:-10}", "10")),
    ("bridge settings", "another default than the bridge's", other_pong_timeout),
    ("variables", "two defaults", stack("${LOG_LEVEL:-info}", "${LOG_LEVEL:-debug}")),
    ("variables", "not documented",
     stack('WEBSOCKET_PORT: "8080"', 'WEBSOCKET_PORT: "${INNER_PORT:-8080}"')),
    ("variables", "another default",
     edit("phase2/.env.example", "TICK_INTERVAL=1.0", "TICK_INTERVAL=2.0")),
    ("settings", "a command of nobody", stack('["consumer"]', '["consume"]')),
    ("settings", "misspelt", stack("TICK_INTERVAL:", "TICK_INTERVALL:")),
    ("settings", "a bad value under another image's name",
     env("STOCKSTREAM_IMAGE=ticks:dev\nTICK_INTERVAL=often\n")),
    ("settings", "a bad value", add("phase2/.env", "TICK_INTERVAL=often\n")),
]  # fmt: skip

#: Faults that go further than the check in whose name they are injected, and how far.
ALSO = {
    "one that cannot be set": {"phase2 variables"},
    "one that is fixed": {"phase2 variables"},
    "by nobody": {"phase2 health checks", "phase2 updates"},
    "more acknowledgements than brokers": {"phase2 durability"},
    "no example of the variables": {"links", "phase2 variables"},
    "latest": {"phase2 variables"},
    "no ZooKeeper any more": {"phase2 variables"},
    "the machine's own name": {"phase2 client addresses"},
    "another broker's name": {"phase2 client addresses"},
    "another port": {"phase2 client addresses"},
    "an open broker": {
        "phase2 listeners",
        "phase2 endpoints",
        "phase2 identities",
        "phase2 consumer groups",
    },
    "a limit below the heap": {"phase2 variables"},
    "no limit": {"phase2 resources"},
    "more copies than brokers": {"phase2 durability"},
}

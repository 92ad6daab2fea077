"""Faults for validate-project phase1: the check that has to see each, a name, and the edit."""

from pathlib import Path

from support.faults import Fault, add, edit, not_utf8, remove

COMPOSE = "phase1/docker-compose.yml"


def compose(old: str, new: str) -> Fault:
    return edit(COMPOSE, old, new)


def no_run_bit(root: Path) -> None:
    (root / "scripts/validate-project.sh").chmod(0o644)


def kafka(line: str) -> Fault:
    """Return a fault that gives the broker a variable more."""
    return compose("      KAFKA_BROKER_ID:", f"      {line}\n      KAFKA_BROKER_ID:")


def service(name: str, lines: str) -> Fault:
    """Return a fault that gives a service something more."""
    merged = "*kafka-user" if name in ("kafka", "zookeeper") else "*hardened"
    return compose(f"  {name}:\n    <<: {merged}\n", f"  {name}:\n    <<: {merged}\n    {lines}\n")


def other_pong_timeout(root: Path) -> None:
    """Give a setting of the bridge another default, wherever it is shown."""
    edit(COMPOSE, "${PONG_TIMEOUT:-10}", "${PONG_TIMEOUT:-11}")(root)
    edit("phase1/.env.example", "PONG_TIMEOUT=10", "PONG_TIMEOUT=11")(root)


def env(text: str) -> Fault:
    return add("phase1/.env", text)


KAFKA_PROBE = '["CMD", "bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9092"]'
HEALTHY_ZOOKEEPER = "[[ $$answer == imok ]]"

FAULTS: list[tuple[str, str, Fault]] = [
    ("files", "a file is gone", remove("config/gunicorn.conf.py")),
    ("run bits", "a script has no run bit", no_run_bit),
    ("YAML", "broken topics", add("config/topics.yml", "dev: [\n")),
    ("YAML", "a key given twice", add("config/other.yml", "a: 1\na: 2\n")),
    ("links", "a dead link", add("docs/x.md", "[x](nowhere.md)\n")),
    ("links", "a dead anchor", add("docs/x.md", "# Here\n\n[x](#there)\n")),
    ("links", "a dead reference", add("docs/x.md", "[x][y]\n\n[y]: nowhere.md 'Title'\n")),
    ("links", "an undefined reference", add("docs/x.md", "See [x][y].\n")),
    ("links", "a dead link around an image", add("docs/x.md", "[![x](x.md)](nowhere.md)\n")),
    ("links", "a dead link in HTML", add("docs/x.md", '<img alt="x" src="nowhere.png">\n')),
    ("links", "a dead link of a phase", add("phase1/x.md", "[x](docker-compose.yaml)\n")),
    ("links", "a dead link in the changes", add("CHANGELOG.md", "[x](nowhere.md)\n")),
    ("links", "a document that is no text", not_utf8("docs/x.md")),
    ("shell", "an unquoted variable", add("scripts/reset.sh", "rm $1\n")),
    ("shell", "bad indentation", add("scripts/reset.sh", "if true; then\ntrue\nfi\n")),
    ("Python", "an unused import", add("src/x.py", "import os\n")),
    ("Python", "bad format", add("src/x.py", "x = [ 1 ]\n")),
    ("phase1 files", "no example of the variables", remove("phase1/.env.example")),
    ("phase1 YAML", "broken YAML", compose("services:\n", "services: [\n")),
    ("phase1 YAML", "a dollar alone", compose("$$answer", "$(answer)")),
    ("phase1 YAML", "no variables' file", env("KAFKA HEAP=512m\n")),
    ("phase1 YAML", "variables that are no text", not_utf8("phase1/.env")),
    ("phase1 images pinned", "a branch", env("KAFKA_UI_IMAGE=kafbat/kafka-ui:main\n")),
    ("phase1 images pinned", "a base that moves", env("PYTHON_IMAGE=python:slim\n")),
    ("phase1 images pinned", "half a digest", env("PYTHON_IMAGE=python@sha256:abc\n")),
    ("phase1 images pinned", "KRaft only", env("KAFKA_IMAGE=apache/kafka:3.9.1\n")),
    ("phase1 images pinned", "a mirror's, without ZooKeeper",
     env("KAFKA_IMAGE=mirror.example:5000/cp-kafka:8.0.0\n")),
    ("phase1 images pinned", "the other's", env("KAFKA_IMAGE=confluentinc/cp-zookeeper:7.9.7\n")),
    ("phase1 images pinned", "latest", compose("cp-kafka:7.9.7", "cp-kafka:latest")),
    ("phase1 images pinned", "no tag", compose("cp-zookeeper:7.9.7", "cp-zookeeper")),
    ("phase1 images pinned", "no ZooKeeper any more", compose("cp-kafka:7.9.7", "cp-kafka:8.0.0")),
    ("phase1 images built once", "one tag twice",
     compose("${STOCKSTREAM_BRIDGE_IMAGE:-stockstream-bridge:dev}", "stockstream:dev")),
    ("phase1 images built once", "nobody builds it",
     compose("image: ${STOCKSTREAM_IMAGE:-stockstream:dev}\n    command: [\"producer\"]",
             "image: stockstream-producer:dev\n    command: [\"producer\"]")),
    ("phase1 health checks", "none", compose("    healthcheck: *heartbeat\n", "")),
    ("phase1 health checks", "shell form",
     compose(KAFKA_PROBE,
             '["CMD-SHELL", "exec 3<>/dev/tcp/127.0.0.1/9092"]')),
    ("phase1 health checks", "a JVM",
     compose(KAFKA_PROBE, '["CMD", "kafka-topics", "--list"]')),
    ("phase1 health checks", "nobody asked", compose(KAFKA_PROBE, '["CMD", "true"]')),
    ("phase1 health checks", "nothing to run", compose(KAFKA_PROBE, "[]")),
    ("phase1 health checks", "none by name", compose(KAFKA_PROBE, '["NONE"]')),
    ("phase1 health checks", "switched off",
     compose(f"test: {KAFKA_PROBE}", f"disable: true\n      test: {KAFKA_PROBE}")),
    ("phase1 health checks", "a port where nobody listens",
     compose(KAFKA_PROBE, KAFKA_PROBE.replace("9092", "9093"))),
    ("phase1 health checks", "a bridge's port where nobody listens",
     compose("/dev/tcp/127.0.0.1/8080", "/dev/tcp/127.0.0.1/8099")),
    ("phase1 health checks", "another machine",
     compose("http://127.0.0.1:8080/", "http://example.com:8080/")),
    *(
        ("phase1 health checks", f"{end!r} at the end",
         compose(KAFKA_PROBE, KAFKA_PROBE.replace('9092"', f'9092{end}"')))
        for end in (" || true", "; true", "; exit 0", " || :", "; echo done", " | true", " &")
    ),
    ("phase1 health checks", "green without imok",
     compose(HEALTHY_ZOOKEEPER, f"{HEALTHY_ZOOKEEPER} || true")),
    ("phase1 health checks", "the other answer",
     compose(HEALTHY_ZOOKEEPER, HEALTHY_ZOOKEEPER.replace("==", "!="))),
    ("phase1 health checks", "a question that is refused",
     compose("4lw.commands.whitelist=ruok,", "4lw.commands.whitelist=")),
    ("phase1 health checks", "a bridge without Kafka is replaced",
     compose("GET /live", "GET /health")),
    ("phase1 health checks", "any status", compose("$$status == 200", "-n $$status")),
    ("phase1 health checks", "another heartbeat",
     compose('HEARTBEAT_FILE: "/tmp/heartbeat"', 'HEARTBEAT_FILE: "/tmp/beat"')),
    ("phase1 health checks", "no heartbeat",
     compose('      HEARTBEAT_FILE: "/tmp/heartbeat"\n', "")),
    ("phase1 health checks", "a heartbeat of any age", compose(" -newermt '-20 seconds'", "")),
    ("phase1 health checks", "no time to start", compose("  start_period: 60s\n", "")),
    ("phase1 health checks", "no time to recover",
     compose("start_period: 900s", "start_period: 60s")),
    ("phase1 health checks", "always green", compose(HEALTHY_ZOOKEEPER, "true")),
    ("phase1 health checks", "refused by 1.29",
     compose("interval: 5s\n", "interval: 5s\n      start_interval: 1s\n")),
    ("phase1 ids", "a broker without id", compose('      KAFKA_BROKER_ID: "1"\n', "")),
    ("phase1 ids", "an id that is no number",
     compose('KAFKA_BROKER_ID: "1"', 'KAFKA_BROKER_ID: "one"')),
    *(
        ("phase1 Kafka's start", name, kafka(f'{name}: "{value}"'))
        for name, value in (
            ("KAFKA_PORT", "9092"), ("KAFKA_HOST", "kafka"), ("KAFKA_PROCESS_ROLES", "broker"),
            ("KAFKA_ADVERTISED_PORT", "9092"), ("KAFKA_ADVERTISED_HOST", "kafka"),
        )
    ),
    ("phase1 Kafka's start", "no ZooKeeper named",
     compose('      KAFKA_ZOOKEEPER_CONNECT: "zookeeper:2181"\n', "")),
    ("phase1 Kafka's start", "a ZooKeeper without a port",
     compose('      ZOOKEEPER_CLIENT_PORT: "2181"\n', "")),
    ("phase1 listeners", "only the container itself inside",
     compose("INTERNAL://0.0.0.0:", "INTERNAL://127.0.0.1:")),
    ("phase1 listeners", "only the container itself outside",
     compose("EXTERNAL://0.0.0.0:", "EXTERNAL://localhost:")),
    ("phase1 listeners", "one port for two", compose("0.0.0.0:19092", "0.0.0.0:9092")),
    ("phase1 listeners", "no address to tell",
     compose("INTERNAL://kafka:9092,EXTERNAL://${KAFKA_EXTERNAL_HOST:-localhost}"
             ":${KAFKA_EXTERNAL_PORT:-9092}", "INTERNAL://kafka:9092")),
    ("phase1 listeners", "another machine's name", env("KAFKA_EXTERNAL_HOST=kafka.example.com\n")),
    ("phase1 listeners", "a published port of nobody",
     compose("      # An open broker", '      - "127.0.0.1:9094:9094"\n      # An open broker')),
    ("phase1 listeners", "a published port that tells the inside's name",
     compose("      # An open broker", '      - "127.0.0.1:9094:9092"\n      # An open broker')),
    ("phase1 listeners", "TLS without keys", compose(",EXTERNAL:PLAINTEXT", ",EXTERNAL:SSL")),
    ("phase1 listeners", "a list that Kafka cannot read",
     compose(",EXTERNAL://0.0.0.0:19092", ",EXTERNAL://0.0.0.0:19092,OTHER:9099")),
    ("phase1 listeners", "an address that nothing can reach",
     compose("EXTERNAL://${KAFKA_EXTERNAL_HOST:-localhost}:${KAFKA_EXTERNAL_PORT:-9092}",
             "EXTERNAL://localhost:9093")),
    ("phase1 listeners", "another port inside",
     compose("INTERNAL://0.0.0.0:9092", "INTERNAL://0.0.0.0:9095")),
    ("phase1 listeners", "not listened on", compose(",EXTERNAL://0.0.0.0:19092", "")),
    ("phase1 listeners", "no protocol", compose(",EXTERNAL:PLAINTEXT", "")),
    ("phase1 listeners", "no inter-broker listener",
     compose('INTER_BROKER_LISTENER_NAME: "INTERNAL"', 'INTER_BROKER_LISTENER_NAME: "INSIDE"')),
    ("phase1 client addresses", "a name of no service",
     compose('KAFKA_BOOTSTRAP_SERVERS: "kafka:9092"', 'KAFKA_BOOTSTRAP_SERVERS: "broker:9092"')),
    ("phase1 client addresses", "the host's port inside",
     compose('KAFKA_BOOTSTRAP_SERVERS: "kafka:9092"', 'KAFKA_BOOTSTRAP_SERVERS: "kafka:19092"')),
    ("phase1 client addresses", "left to the default",
     compose('      KAFKA_BOOTSTRAP_SERVERS: "kafka:9092"\n', "")),
    ("phase1 client addresses", "no common network",
     compose("networks: [back, front]\n    ports:\n      - \"${WEBSOCKET_PORT",
             "networks: [front]\n    ports:\n      - \"${WEBSOCKET_PORT")),
    ("phase1 ZooKeeper addresses", "a wrong port", compose("zookeeper:2181", "zookeeper:2182")),
    ("phase1 networks", "not declared", compose("  front:\n\n", "\n")),
    ("phase1 networks", "a broker on the front one",
     compose("networks: [back]\n    ports:", "networks: [back, front]\n    ports:")),
    ("phase1 networks", "no way in from the host",
     compose("  back:\n  front:\n", "  back: { internal: true }\n  front:\n")),
    ("phase1 ports", "one port twice",
     compose("${WEBSOCKET_PORT:-8080}:8080", "${WEBSOCKET_PORT:-8081}:8080")),
    ("phase1 ports", "an open broker on every address",
     compose("${KAFKA_BIND:-127.0.0.1}", "${KAFKA_BIND:-0.0.0.0}")),
    ("phase1 ports", "an open broker in the long form",
     compose('- "${KAFKA_BIND:-127.0.0.1}:${KAFKA_EXTERNAL_PORT:-9092}:19092"',
             '- { host_ip: "${KAFKA_BIND:-}", published: "${KAFKA_EXTERNAL_PORT:-9092}", '
             "target: 19092 }")),
    ("phase1 ports", "an open web UI", compose('"127.0.0.1:${KAFKA_UI', '"0.0.0.0:${KAFKA_UI')),
    ("phase1 ports", "an open web UI by default", compose('"127.0.0.1:${KAFKA_UI', '"${KAFKA_UI')),
    ("phase1 ports", "to where nobody listens", compose("8080}:8080", "8080}:8099")),
    ("phase1 ports", "from where nobody can come",
     compose('WEBSOCKET_HOST: "0.0.0.0"', 'WEBSOCKET_HOST: "127.0.0.1"')),
    ("phase1 ports", "no such port", env("KAFKA_EXTERNAL_PORT=99092\n")),
    *(
        ("phase1 volumes", f"no place for {path}", compose(f"      - {path}\n{after}", after))
        for path, after in (
            ("/etc/kafka", "      - /etc/zookeeper"), ("/etc/zookeeper/secrets", ""),
            ("/etc/kafka", "      - /etc/kafka/s"), ("/etc/kafka/secrets", ""),
            ("/var/log/kafka", "      - /tmp"), ("/var/log/kafka", "    # Two networks"),
        )
    ),
    ("phase1 volumes", "no /tmp",
     compose("mem_limit: 256m\n    tmpfs: [/tmp]\n", "mem_limit: 256m\n")),
    ("phase1 volumes", "a heartbeat where nobody can write",
     compose('HEARTBEAT_FILE: "/tmp/heartbeat"', 'HEARTBEAT_FILE: "/run/heartbeat"')),
    ("phase1 volumes", "data that cannot be written",
     compose("kafka-data:/var/lib/kafka/data", "kafka-data:/var/lib/kafka/data:ro")),
    ("phase1 volumes", "data in the container",
     compose("      - kafka-data:/var/lib/kafka/data\n", "")),
    ("phase1 volumes", "no place for the natives", compose("      - kafka-tmp:/tmp\n", "")),
    ("phase1 volumes", "not declared", compose("  kafka-data:\n  kafka-tmp", "  kafka-tmp")),
    ("phase1 memory", "no limit", compose("    mem_limit: 256m\n", "")),
    ("phase1 memory", "a limit below the heap",
     compose("${KAFKA_MEMORY:-1280m}", "${KAFKA_MEMORY:-512m}")),
    ("phase1 memory", "a limit of nothing", compose("mem_limit: 256m", "mem_limit: 0m")),
    ("phase1 memory", "a heap below its first size", env("KAFKA_HEAP=200m\n")),
    ("phase1 memory", "another heap behind it",
     compose('KAFKA_OPTS: "', 'KAFKA_OPTS: "-Xmx2g ')),
    ("phase1 no JMX port", "a port",
     compose("      KAFKA_BROKER_ID:", '      KAFKA_JMX_PORT: "9999"\n      KAFKA_BROKER_ID:')),
    ("phase1 no auto-creation", "switched on",
     compose('AUTO_CREATE_TOPICS_ENABLE: "false"', 'AUTO_CREATE_TOPICS_ENABLE: "true"')),
    ("phase1 hardening", "a writable root", compose("read_only: true", "read_only: false")),
    ("phase1 hardening", "capabilities", compose("  cap_drop: [ALL]\n", "")),
    ("phase1 hardening", "a group that may not write", compose('"1000:0"', '"1000:1000"')),
    *(
        ("phase1 hardening", lines, service(name, lines))
        for name, lines in (
            ("kafka", "cap_add: [NET_ADMIN]"), ("producer", "privileged: true"),
            ("producer", "pid: host"), ("consumer", "network_mode: host"),
            ("websocket-bridge", "security_opt: [seccomp:unconfined]"),
            ("producer", 'volumes: ["/var/run/docker.sock:/var/run/docker.sock"]'),
            ("producer", 'volumes: ["../config:/app/config:ro"]'),
            ("producer", "volumes: [{ type: bind, source: /etc, target: /host }]"),
            ("producer", 'devices: ["/dev/mem"]'),
        )
    ),
    ("phase1 hardening", "new privileges",
     compose('  security_opt: ["no-new-privileges:true"]\n', "")),
    *(
        ("phase1 logs and restarts", f"{name} with {lines}", service(name, lines))
        for name, lines in (
            ("kafka", 'restart: "no"'), ("producer", 'restart: "no"'),
            ("consumer", "restart: no"), ("websocket-bridge", "restart: on-failure"),
            ("producer", 'restart: "no"\n    deploy: { replicas: 1 }'),
        )
    ),
    ("phase1 logs and restarts", "one that never ends",
     compose('restart: "no"', "restart: unless-stopped")),
    ("phase1 logs and restarts", "killed in the middle",
     compose("    stop_grace_period: 120s\n", "")),
    ("phase1 start order", "left out", service("producer", "profiles: [tools]")),
    ("phase1 start order", "an end that never comes",
     compose("zookeeper: { condition: service_healthy }",
             "zookeeper: { condition: service_completed_successfully }")),
    ("phase1 start order", "the health of one that ends",
     compose("topics: { condition: service_completed_successfully }",
             "topics: { condition: service_healthy }")),
    ("phase1 start order", "a name of nobody",
     compose("zookeeper: { condition", "keeper: { condition")),
    ("phase1 logs and restarts", "no rotation", compose("  logging: *logging\n", "")),
    ("phase1 logs and restarts", "no restart", compose("  restart: unless-stopped\n", "")),
    ("phase1 applied topics", "those of production",
     compose('"--phase", "dev"', '"--phase", "prod"')),
    ("phase1 applied topics", "only looked at", compose('["topics", "apply"', '["topics", "plan"')),
    ("phase1 replication", "more copies than brokers",
     edit("config/topics.yml", "replication_factor: 1", "replication_factor: 2")),
    ("phase1 replication", "Kafka's default of three",
     compose('      KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: "1"\n', "")),
    ("phase1 replication", "more acknowledgements than brokers",
     kafka('KAFKA_MIN_INSYNC_REPLICAS: "2"')),
    ("phase1 bridge settings", "one that cannot be set",
     compose('      PONG_TIMEOUT: "${PONG_TIMEOUT:-10}"\n', "")),
    ("phase1 bridge settings", "one that is fixed", compose("${PONG_TIMEOUT:-10}", "10")),
    ("phase1 bridge settings", "another default than the bridge's", other_pong_timeout),
    ("phase1 variables", "two defaults", compose("${LOG_LEVEL:-info}", "${LOG_LEVEL:-debug}")),
    ("phase1 variables", "two examples", add("phase1/.env.example", "# LOG_LEVEL=debug\n")),
    ("phase1 variables", "an example that is no text", not_utf8("phase1/.env.example")),
    ("phase1 variables", "not documented",
     compose("WEBSOCKET_PORT: \"8080\"", "WEBSOCKET_PORT: \"${INNER_PORT:-8080}\"")),
    ("phase1 variables", "another default",
     edit("phase1/.env.example", "TICK_INTERVAL=1.0", "TICK_INTERVAL=2.0")),
    ("phase1 variables", "read by nobody", add("phase1/.env.example", "# NOBODY=1\n")),
    ("phase1 settings", "a command of nobody", compose('["consumer"]', '["consume"]')),
    ("phase1 settings", "misspelt", compose("TICK_INTERVAL:", "TICK_INTERVALL:")),
    ("phase1 settings", "a bad value under another image's name",
     env("STOCKSTREAM_IMAGE=ticks:dev\nTICK_INTERVAL=often\n")),
    ("phase1 settings", "a bad value", add("phase1/.env", "TICK_INTERVAL=often\n")),
]  # fmt: skip

#: Faults that go further than the check in whose name they are injected, and how far.
ALSO = {
    "one that cannot be set": {"phase1 variables"},
    "one that is fixed": {"phase1 variables"},
    "broken topics": {"phase1 replication"},
    "a ZooKeeper without a port": {"phase1 health checks", "phase1 ZooKeeper addresses"},
    "another port inside": {"phase1 health checks"},
    "no address to tell": {"phase1 variables"},
    "a heartbeat where nobody can write": {"phase1 health checks"},
    "an open broker in the long form": {"phase1 variables"},
    "one tag twice": {"phase1 variables"},
    "an address that nothing can reach": {"phase1 variables"},
    "no example of the variables": {"links", "phase1 variables"},
    "one port twice": {"phase1 variables"},
    "a limit below the heap": {"phase1 variables"},
    "an open broker on every address": {"phase1 variables"},
    "latest": {"phase1 variables"},
    "no tag": {"phase1 variables"},
    "no ZooKeeper any more": {"phase1 variables"},
}

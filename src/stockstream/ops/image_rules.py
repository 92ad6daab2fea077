"""Which images the services run, and who builds them."""

import re
from collections.abc import Iterator

from stockstream.ops.stackfile import Service, StackFile

#: 7.9 is the last line of these images that runs with ZooKeeper.
_ZOOKEEPER_ERA = re.compile(r"7\.9\.\d+(?:[-.].+)?")
#: What names one image for ever, whatever its tag does.
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
#: Images that read other variables, or know no ZooKeeper any more.
_OTHER_CONTRACT = re.compile(r"(?:^|/)(?:apache|bitnami|bitnamilegacy)/|^(?:library/)?zookeeper$")


def images_pinned(stack: StackFile) -> Iterator[str]:
    """Each image names a version, and no tag that moves."""
    for service in stack.services.values():
        yield from _pinned(service.name, service.image, built_here=service.is_ours)
        build = service.raw.get("build")
        arguments = build.get("args") if isinstance(build, dict) else None
        for name, image in arguments.items() if isinstance(arguments, dict) else ():
            if name.endswith("_IMAGE"):
                yield from _pinned(f"{service.name}: {name}", str(image), built_here=False)
        if service.is_broker or service.is_zookeeper:
            yield from _zookeeper_era(service)


def _pinned(where: str, image: str, built_here: bool) -> Iterator[str]:
    named, _, digest = image.partition("@")
    _, tag = _name_and_tag(named)
    if digest:
        if not _DIGEST.fullmatch(digest):
            yield f"{where}: {image}: expected @sha256: and 64 hexadecimal digits"
        return
    if not tag:
        yield f"{where}: {image or 'no image'}: expected a tag"
    elif tag == "latest" or not (built_here or re.search(r"\d", tag)):
        yield f"{where}: {image}: expected a version, observed {tag}"


def _zookeeper_era(service: Service) -> Iterator[str]:
    name, tag = _name_and_tag(service.image.partition("@")[0])
    wanted = "cp-kafka" if service.is_broker else "cp-zookeeper"
    own = name.rpartition("/")[2]
    if _OTHER_CONTRACT.search(name) or (own.startswith("cp-") and own != wanted):
        yield f"{service.name}: {service.image}: expected confluentinc/{wanted}, or a mirror of it"
    elif own == wanted and tag and not _ZOOKEEPER_ERA.fullmatch(tag):
        yield f"{service.name}: {service.image}: expected 7.9.PATCH, the last line with ZooKeeper"


def _name_and_tag(image: str) -> tuple[str, str]:
    """Split at the colon of the tag, which is not that of a registry's port."""
    found = re.fullmatch(r"(.*?)(?::([^:/]+))?", image)
    return (found[1], found[2] or "") if found else (image, "")

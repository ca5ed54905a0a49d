"""From an image's words in the matrix to what a place boots."""

from lab.config import Site
from lab.errors import UsageError
from lab.images import IMAGES, Image, image_of_plan
from lab.matrix.model import ImageSpec
from lab.model import BoardType


def image_for(spec: ImageSpec, site: Site, board_type: BoardType) -> Image:
    """Return the image for a board type. Raises InfrastructureError where a built-in one is not installed,
    UsageError where there is none for this processor."""
    if not spec.plans:
        return IMAGES[spec.name](board_type.console_args, board_type.arch)
    name = spec.plan_for(board_type.arch)
    plan = next((plan for plan in site.plans if plan.name == name), None)
    if plan is None:
        raise UsageError(f"image {spec.name}: there is no plan for {board_type.arch}")
    return image_of_plan(plan, spec.ready, spec.seconds, title=spec.name)

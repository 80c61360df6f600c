"""A stack of CloudFormation: one environment, of the fragments in ``template`` and of the roles' data."""

from paddock.adapters.aws.stack.render import RUNTIME, body, rendered
from paddock.adapters.aws.stack.shape import Image, Shape, Zone
from paddock.adapters.aws.stack.watched import Names, Watched

__all__ = ["RUNTIME", "Image", "Names", "Shape", "Watched", "Zone", "body", "rendered"]

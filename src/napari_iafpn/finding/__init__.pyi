from .exemplars import Exemplars as Exemplars
from .find import find_similar as find_similar
from .kinds import Kinds as Kinds
from .proposals import DEFAULT_QUALITY as DEFAULT_QUALITY, Proposal as Proposal
from .quality import quality_alone as quality_alone

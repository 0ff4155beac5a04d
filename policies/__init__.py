"""The policy language: documents of rules, translations, header exceptions and their own tests.

In: a checked `Document` and the `Facts` of one request. Out: a `Decision`, pure and explainable. `policies.load` reads
documents from TOML (it needs pydantic and files, so it is not imported from here).

Not for: acting on a decision, and never for SIP: this room knows nothing of `sbc`.
"""

from policies.facts import Facts, Message, Party, Source, number_of
from policies.model import Action, Condition, Document, HeaderRule, Rule, Translation, Trial

__all__ = [
    "Action",
    "Condition",
    "Document",
    "Facts",
    "HeaderRule",
    "Message",
    "Party",
    "Rule",
    "Source",
    "Translation",
    "Trial",
    "number_of",
]

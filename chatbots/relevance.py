"""How well a text fits a question, by the words that they share. Pure: words in, numbers out."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

# Okapi BM25 with its customary parameters (Robertson and Zaragoza, 2009).
K1 = 1.2
B = 0.75

# Stems that questions are made of and that say nothing of what is asked; PostgreSQL's own stop
# words are gone before.
FILLERS = frozenset(
    """
    also could describ explain get give know let like mani may might much must need one pleas
    say shall show tell thank want would
    """.split()  # noqa: SIM905 (reads better than a list)
)


# Stems that ask for a quantity: an answer may name one without repeating them.
QUANTITIES = frozenset({"big", "far", "high", "larg", "long", "mani", "much", "often", "old"})
WEIGHT_OF_A_QUANTITY = 0.5


@dataclass(frozen=True, slots=True)
class Question:
    """A question as stems, each with its inverse document frequency among the chatbot's chunks."""

    weights: Mapping[str, float]

    @classmethod
    def weigh(
        cls, stems: Collection[str], document_frequency: Mapping[str, int], documents: int
    ) -> "Question":
        """Weigh each stem; one that no document has weighs most, so that it is missed most."""
        telling = [stem for stem in stems if stem not in FILLERS] or list(stems)
        return cls(
            {
                stem: inverse_document_frequency(document_frequency.get(stem, 0), documents)
                * (WEIGHT_OF_A_QUANTITY if stem in QUANTITIES else 1)
                for stem in telling
            }
        )

    def coverage(self, stems: Collection[str]) -> float:
        """Return how much of the question's weight the stems carry, from 0 to 1."""
        total = sum(self.weights.values())
        if not total:
            return 0.0
        return sum(weight for stem, weight in self.weights.items() if stem in stems) / total

    def bm25(self, term_frequency: Mapping[str, int], length: int, average_length: float) -> float:
        """Score a document by how often it has the question's stems."""
        norm = K1 * (1 - B + B * length / average_length)
        return sum(
            weight * count * (K1 + 1) / (count + norm)
            for stem, weight in self.weights.items()
            if (count := term_frequency.get(stem, 0))
        )


def inverse_document_frequency(having: int, documents: int) -> float:
    # One is added: among few documents the plain value of a word that most of them have is near
    # nothing, though it is often the very subject of the question.
    return 1 + math.log(1 + (documents - having + 0.5) / (having + 0.5))

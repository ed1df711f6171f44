"""What is wrong with a query, in a sentence and at a place."""


class SparqlError(ValueError):
    """A query that is refused: what was found, what was expected, where, and what to do.

    Attributes
    ----------
    sentence : without the place
    line, column : where, counted from 1, in the text after its codepoint escapes
    """

    def __init__(self, sentence: str, line: int = 1, column: int = 1) -> None:
        super().__init__(f"{sentence} (line {line}, column {column})")
        self.sentence, self.line, self.column = sentence, line, column

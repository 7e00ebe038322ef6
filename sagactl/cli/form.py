"""The forms in which verbs print, by the words that are typed for them."""

from enum import StrEnum


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


class LintFormat(StrEnum):
    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"
    GITLAB = "gitlab"
    JUNIT = "junit"


class TestFormat(StrEnum):
    TABLE = "table"
    JSON = "json"
    YAML = "yaml"
    JUNIT = "junit"
    HTML = "html"
    MARKDOWN = "markdown"


class GraphFormat(StrEnum):
    TREE = "tree"
    MERMAID = "mermaid"
    DOT = "dot"
    SVG = "svg"

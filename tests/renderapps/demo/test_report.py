"""The same blocks as Markdown and as HTML."""

from renderapps.demo.report import (
    Commands,
    Heading,
    Paragraph,
    Picture,
    Table,
    as_html,
    as_markdown,
)

BLOCKS = [
    Heading("Title", 1),
    Paragraph("a < b & c"),
    Table(("x", "y"), [("1", "<2>")]),
    Picture("my pictures/a.png", "what to see"),
    Commands(["first --flag", "second"]),
]


def test_markdown():
    assert as_markdown(BLOCKS) == (
        "# Title\n\na < b & c\n\n| x | y |\n| --- | --- |\n| 1 | <2> |\n\n"
        "![what to see](my%20pictures/a.png)\n\nwhat to see\n\n"
        "```sh\nfirst --flag\nsecond\n```\n"
    )


def test_html_is_escaped():
    page = as_html("T & U", BLOCKS)
    assert "<title>T &amp; U</title>" in page
    assert "<p>a &lt; b &amp; c</p>" in page
    assert "<tr><td>1</td><td>&lt;2&gt;</td></tr>" in page
    assert '<img src="my%20pictures/a.png" alt="what to see">' in page
    assert "<pre>first --flag\nsecond</pre>" in page

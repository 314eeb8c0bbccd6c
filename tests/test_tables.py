"""Secrets that only the head of their column names."""

import pytest

from cpproxy.core.redaction.finding import Finder
from cpproxy.core.redaction.policy import Policy

FINDER = Finder(Policy())
TABLES = {
    "CSV": "user,password,age\nbob,plumtree,25\nalice,appletart,31\n",
    "CSV with quotes": '"user","API key"\r\n"bob","plumtree"\r\n"alice","appletart"\r\n',
    "CSV behind a comment": "# people\nuser;password\nbob;plumtree\nalice;appletart",
    "tabs": "user\tclient_secret\nbob\tplumtree\nalice\tappletart\n",
    "psql": " user  | password  \n-------+-----------\n bob   | plumtree\n alice | appletart\n(2 rows)\n",
    "mysql": "+---+---+\n| user | password |\n+---+---+\n| bob | plumtree |\n| alice | appletart |\n+---+---+\n",
    "Markdown": "# People\n\n| user | password |\n|---|:--|\n| bob | plumtree |\n| alice | appletart |\n\npassword: x1",
    "columns": "NAME    ADMIN TOKEN   AGE\nbob     plumtree      3d\nalice   appletart     4d\n",
    "HTML": (
        "<table><tr><th>User</th><th>Password</th></tr><tr><td>bob</td><td>plumtree</td></tr>"
        "<tr><td>alice</td><td><b>appletart</b></td></tr></table><table><tr><td>x</td><td>y</td></tr></table>"
    ),
    "rows of HTML": "<tr><th>Password</th><td>plumtree</td></tr><tr><td>API key</td><td>appletart</td></tr>",
    "JSON": '{"columns":["user","password"],"rows":[["bob","plumtree"],["alice","appletart"]]}',
    "JSON, the head last": '{"rows":[["bob","plumtree"],[25,"appletart"]],"columns":["user","password"]}',
    "JSON, columns with types": (
        '{"fields":[{"name":"n","type":"int"},{"name":"password","type":"text"}],"data":[[1,"plumtree"],[2,"appletart"]]}'
    ),
    "JSON, the head first": '[["user","password"],["bob","plumtree"],["alice","appletart"]]',
}


@pytest.mark.parametrize("text", TABLES.values(), ids=TABLES)
def test_what_stands_below_the_head_of_a_secret_is_one(text: str) -> None:
    found = [find.value for find in FINDER.find_in_text(text)]
    assert found == ["plumtree", "appletart", *(["x1"] if "x1" in text else [])]


@pytest.mark.parametrize(
    "text",
    [
        "We need a token, a password and a session,\nand more, of course,\n",
        "Enter a token, password\nand then, go on\n",
        "from names import (\n    token, password,\n    one, other,\n)\n",
        "user,password\n",
        "user,password\n\nbob,plumtree\n",
        "user,token_type\nbob,plumtree\n",
        "NAME      TYPE     DATA\ndb-token  Opaque   3\n",
        "<tr><td>The token is here</td><td>plumtree</td></tr>",
        '[["{{cpproxy:token:1}}","{{cpproxy:token:2}}"],["plumtree","appletart"]]',
        '{"required":["user","password"],"order":[["bob","plumtree"]]}',
        '{"columns":["user","token_type"],"rows":[["bob","plumtree"]]}',
    ],
)
def test_what_is_no_head_names_nothing(text: str) -> None:
    assert FINDER.find_in_text(text) == []


def test_a_cell_is_what_it_is_without_its_quotes() -> None:
    (find,) = FINDER.find_in_text('user,password\nbob,"plum ""tree"", x"\n')
    assert find.value == 'plum "tree", x'

"""Which value of a text is a secret, where it stands and what it is: a table for each kind of text."""

import base64
import html
import itertools
import json
import pickle
import string
import time
from collections.abc import Callable
from random import Random, SystemRandom
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cpproxy.core.redaction.finding import Find, Finder, Reason
from cpproxy.core.redaction.policy import Policy

FINDER = Finder(Policy())
RANDOM = "3fJk29QmZx81LpWv7TnB"
OTHER = "Qw9ZxT4mLk7RvB2nHs5Y"
HEX = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
PART = '--B\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"

type Case = tuple[str, list[str]]


def values(text: str) -> list[str]:
    return [find.value for find in FINDER.find_in_text(text)]


def check(text: str, expected: list[str]) -> None:
    finds = FINDER.find_in_text(text)
    assert [find.value for find in finds] == expected
    for find in finds:
        assert 0 <= find.start < find.end <= len(text)
    for one, other in itertools.pairwise(finds):
        assert one.end <= other.start


JSON: list[Case] = [
    ('{"user":"bob","password":"hunter2"}', ["hunter2"]),
    (r'{"password": "a\"b\\c\n", "x":"y"}', ['a"b\\c\n']),
    (r'{"token":"a\u0026b\ud83d\ude00"}', ["a&b😀"]),
    (r'{"\u0070assword":"x1"}', ["x1"]),
    ('{"token" :\n\t"abc"}', ["abc"]),
    ('{\r\n "token"\r\n :\r\n "abc"\r\n}', ["abc"]),
    ('{"token":25,"secret":null,"password":true,"key":"","auth":""}', []),
    ('{"token_type":"bearer","expires_in":3600,"max_tokens":"many","auth":"none"}', []),
    ('{"credentials":{"user":"bob","pw":"x1","type":"basic","url":"http://h"}}', ["x1"]),
    ('{"credentials":{"db":{"user":"bob","pw":"x1"},"list":["y2",3]}}', ["x1", "y2"]),
    ('{"tokens":["a1","b2"],"note":["c3"]}', ["a1", "b2"]),
    ('{"secrets":{"DB":"v1","region":"eu"}}', ["v1"]),
    ('{"session":{"id":"abc","user":"bob","expires":"2026-01-05","ip":"10.0.0.1"}}', ["abc"]),
    ('{"auth":{"provider":"google","roles":["admin"],"code":"Zx9-q"}}', ["Zx9-q"]),
    ('{"secrets":{"url":"http://h/?token=abc","z":"y1"}}', ["abc", "y1"]),
    ('[{"name":"DB_PASSWORD","value":"x1"},{"name":"A","value":"b"}]', ["x1"]),
    ('[{"value":"x1","name":"DB_PASSWORD"}]', ["x1"]),
    ('{"fields":[{"title":"Password","value":"x1"},{"label":"API key","value":"y2"}]}', ["x1", "y2"]),
    ('[{"name":"DB_PASSWORD","type":"string","default":"x1"}]', ["x1"]),
    ('{"grant_type":"authorization_code","code":"9249a25a65603262625d"}', ["9249a25a65603262625d"]),
    ('{"code":"9249a25a65603262625d","message":"x"}', []),
    ('[{"Key":"API_KEY","Enabled":true,"Tags":"a","Value":"x1"}]', ["x1"]),
    ('[{"name":"DB_PASSWORD","valueFrom":{"secretKeyRef":{"name":"db","key":"password"}}}]', []),
    ('{"headers":[["Authorization","Bearer x1y2"],["Accept","*/*"]]}', ["x1y2"]),
    ('{"headers":{"Authorization":["Bearer x1y2"],"Accept":["*/*"]}}', ["x1y2"]),
    ('{"headers":[{"name":"Cookie","value":"a=b1c2; d=e3"}]}', ["b1c2", "e3"]),
    ('{"Authorization":"Basic dXNlcjpwdw=="}', ["dXNlcjpwdw=="]),
    ('{"args":["--api-key","x1","-v"]}', ["x1"]),
    ('["--password ", {"token": "zz9"}]', ["zz9"]),
    ('{"log":"login ok token=abc123; user=bob\\n"}', ["abc123"]),
    ('{"pass":"boarding","author_session":"x1y2","session_count":"a1","token_type":"a1"}', []),
    ('{"error":"password: incorrect"}', []),
    ('{"error":"invalid token: signature is invalid","hint":"password: must be at least 8 characters"}', []),
    ('{"required":["password","username"],"type":"password"}', []),
    ('{"url":"postgres://bob:hunter2@db:5432/x?sslmode=require"}', ["hunter2"]),
    ('{"a":"1"}\n{"token":"x\\"1"}\n', ['x"1']),
    ('{"token":"abc', ["abc"]),
    (json.dumps({"body": json.dumps({"token": 'a"b', "n": 1})}), ['a"b']),
    (json.dumps({"body": json.dumps({"x": json.dumps({"token": 'a"b\\'})})}), ['a"b\\']),
    (json.dumps([json.dumps({"note": 'say "token": ', "x": "y"})]), []),
]
FORMS: list[Case] = [
    ("a=b&client_secret=s%26x+y&z=1", ["s&x y"]),
    ("client_secret=abc", ["abc"]),
    ("user%5Bpassword%5D=hunter2&x=1", ["hunter2"]),
    ("user[password]=hunter2", ["hunter2"]),
    ("pass%77ord=hunter2&x=%20", ["hunter2"]),
    ("token=%C3%A9%20%E2%98%83", ["é ☃"]),
    ("token=AbCdEfGh+IjKlMnOp1/==", ["AbCdEfGh+IjKlMnOp1/=="]),
    ("token=&a=b", []),
    ("grant_type=authorization_code&code=9249a25a65603262625d&client_id=x", ["9249a25a65603262625d"]),
    ("code=4%2F0AbUR2VM&state=x1", ["4/0AbUR2VM"]),
    ("code=9249a25a65603262625d&country=de", []),
    ("code=validation_failed&state=failed", []),
    ("payload=" + quote('{"password":"a\\"b"}'), ['a"b']),
    ("redirect=" + quote("https://h/?token=abc123&x=1") + "&state=1", ["abc123"]),
    ("redirect=" + quote("https://h/?next=" + quote("/a?token=abc123&x=1", safe=""), safe="") + "&state=1", ["abc123"]),
    ("Parameters.member.1.ParameterKey=DBPassword&Parameters.member.1.ParameterValue=x1%26", ["x1&"]),
]
CONSOLE: list[Case] = [
    ("export TOKEN=abc123\nFOO=bar", ["abc123"]),
    ("API_KEY=abc123", ["abc123"]),
    ('PASSWORD="x y \\" z"\nA=b', ['x y " z']),
    ("PASSWORD='x y'", ["x y"]),
    ("db_password = correct horse battery\nuser = bob", ["correct horse battery"]),
    ("2026-01-05 INFO token: abc1, user: bob", ["abc1"]),
    ("2026-01-05 INFO password=abc, retrying", ["abc"]),
    ("login failed (password=hunter2).", ["hunter2"]),
    ("invalid token: expired", []),
    ("the password must be long; the token expired; no api key: required", []),
    ("token = get_token()", []),
    ("if token == null", []),
    ("std::token::next", []),
    ("tool --password x1 --user bob", ["x1"]),
    ("tool --token=x1 -v", ["x1"]),
    ('tool --client-secret "x 1"', ["x 1"]),
    ("tool --password --verbose", []),
    ("curl -u bob:hunter2 -H 'X-Api-Key: k3y' http://h/", ["hunter2", "k3y"]),
    ('curl --user "bob:hunt er2" http://h/', ["hunt er2"]),
    ("curl -H 'Authorization: Bearer abc.def' http://h/", ["abc.def"]),
    ("> Authorization: Basic dXNlcjpwdzE=\n> Accept: */*", ["dXNlcjpwdzE="]),
    (
        'Authorization: Digest username="bob", nonce="n1", response="r1"\nA: b',
        ['username="bob", nonce="n1", response="r1"'],
    ),
    ("Cookie: a=b1c2; theme=dark1\r\nHost: x", ["b1c2", "dark1"]),
    ("Set-Cookie: sid=abc123; Path=/; HttpOnly\r\nHost: x", ["abc123"]),
    ("docker run -u 1000:1000 -e TOKEN=x1 image", ["x1"]),
    ("machine h login bob password hunter2\n", ["hunter2"]),
    ("ALTER USER bob IDENTIFIED BY 'x1y2'", ["x1y2"]),
    ("CREATE USER bob WITH PASSWORD 'x1y2'", ["x1y2"]),
    ("sshpass -p hunter2 ssh h", ["hunter2"]),
    ("x bearer dXNlcjp4MQ y", ["dXNlcjp4MQ"]),
    ('WWW-Authenticate: Bearer realm="x", error="invalid_token"', []),
    ("\x1b[32mtoken\x1b[0m=\x1b[31mabc123\x1b[0m", ["abc123"]),
    ('msg="{\\"token\\":\\"abc1\\",\\"x\\":\\"y\\"}"', ["abc1"]),
    ("map[Authorization:[Bearer abc1] Accept:[*/*]]", ["abc1"]),
    ("{'token': 'abc1', 'n': 1, 'auth': None}", ["abc1"]),
    ("{'token': b'abc1'}", ["abc1"]),
    ('Config { token: Some("abc1"), key: 3 }', ["abc1"]),
    ('array(2) { ["password"]=>\n  string(4) "abc1" ["n"]=> int(3) }', ["abc1"]),
    ("os.environ['DB_PASSWORD'] = 'abc1'", ["abc1"]),
    ('config["password"]="abc1"; x["n"]="y"', ["abc1"]),
    ('if x["password"] == y["password"]:', []),
    ('r.headers["Authorization"] = _digest_auth', []),
    ('password = """\nabc1"""\nn = 1', ["abc1"]),
    ("password = '''abc1'''", ["abc1"]),
    ("**Password:** `abc1` and more", ["abc1"]),
    ("**API key**: abc1", ["abc1"]),
    ("password: **abc1**", ["abc1"]),
    ("Your password is Zx9qT4w. Change it.", ["Zx9qT4w"]),
    ("Temporary password for bob@example.com: Zx9qT4w", ["Zx9qT4w"]),
    ("secrets:\n  api: |\n    abc1\n    def2\n  db: ghi3\nx: y\n", ["abc1\ndef2", "ghi3"]),
    ("password:\n  abc1def2\nx: y\n", ["abc1def2"]),
    ("password:\n  required\nsession:\n  from 10am on\n", []),
    ("rootpw abc1; rootpw: def2\n", ["def2"]),
    ("Password for bob: i289ZiXloD9v", ["i289ZiXloD9v"]),
    ("echo 'root:abc1' | chpasswd\n", ["abc1"]),
    ("+ echo abc1 | docker login -u bob --password-stdin h\n", ["abc1"]),
    ('echo "abc1" | sudo -S ls', ["abc1"]),
    ("echo $TOKEN | docker login --password-stdin", []),
    ("echo done | tee x; chpasswd -h", []),
    ('variable "db_password" {\n  type = string\n  default = "abc1"\n}\n', ["abc1"]),
    ('variable "region" {\n  default = "abc1"\n}\n', []),
    ("#cloud-config\nchpasswd:\n  expire: false\n  list: |\n    root:abc1\n    bob:RANDOM\nx: y\n", ["abc1"]),
    ("env:\n- value: abc1\n  name: DB_PASSWORD\n- value: x\n  name: MODE\n", ["abc1"]),
    ("Set-Cookie: a=abc1; Expires=Wed, 21 Oct 2026 07:28:00 GMT, b=def2; Path=/\n", ["abc1", "def2"]),
    ("the password is required, the token is base64-encoded and the key is sha256-hashed", []),
    ("Password for bob: incorrect", []),
]
FONTS: list[Case] = [
    ("<p>Password: <code>abc1</code></p>", ["abc1"]),
    ("<b>Password:</b> abc1<br>", ["abc1"]),
    ("<li><strong>API key:</strong> <code>abc1</code></li>", ["abc1"]),
    ("<p>Your new password is <b>Zx9qT4w</b></p>", ["Zx9qT4w"]),
    ("<b>Password:</b> is required", []),
    ("<b>Token:</b> expired<br>", []),
]
CONNECTIONS: list[Case] = [
    ("Server=tcp:db;Database=x;User Id=sa;Password=p@ss;Encrypt=true", ["p@ss"]),
    ("DefaultEndpointsProtocol=https;AccountName=a;AccountKey=abc+def/ghi==;EndpointSuffix=core", ["abc+def/ghi=="]),
    ("Endpoint=sb://h/;SharedAccessKeyName=root;SharedAccessKey=abcd1=", ["abcd1="]),
    ("host=db user=bob password=hunter2 dbname=x", ["hunter2"]),
    ("postgres://bob:hunter2@db:5432/x", ["hunter2"]),
    ("mongodb+srv://bob:p%40ss@h1,h2/x", ["p@ss"]),
    ("amqp://bob:pa/ss@h/x", ["pa/ss"]),
    ("redis://:hunter2@h:6379", ["hunter2"]),
    ("https://bob@h/x", []),
    ("https://user:password@h/", []),
    (f"https://{RANDOM}@h/x", [RANDOM]),
    (f"https://{RANDOM}:x-oauth-basic@h/x", [RANDOM]),
    ("https://plumtree:x-oauth-basic@github.com/x", ["plumtree"]),
    ("https://x-access-token:plumtree@github.com/x", ["plumtree"]),
    ("https://api_key:@h/x and http://token:8080/x", []),
    ("https://plumtree9:@api.example.com/", ["plumtree9"]),
    ("https://plumtreeplum:api_token@h/", ["plumtreeplum"]),
    ("https://abcdefghijkl@host", ["abcdefghijkl"]),
    ("https://k9Zq2Lm8@host", ["k9Zq2Lm8"]),
    ("https://first.lastname@host ssh://workspaceuser@host postgres://applicationuser@db/x https://deploy@h", []),
    ("amqp://guest:guest@mq:5672/ https://admin:admin@h", []),
    ("see http://h:8080/path/@user/x", []),
    ("https://h/o?sv=1&sig=abc%2Fdef%3D&se=2", ["abc/def="]),
    ("wss://h/s?access_token=abc&x=1 was closed", ["abc"]),
    ('Link: <https://h/x?page=2&sig=V1a2>; rel="next", <https://h/y?sig=W1b2>; rel=prev', ["V1a2", "W1b2"]),
    ("<https://h/x?sig=V1a2>,<https://h/y?sig=W1b2>", ["V1a2", "W1b2"]),
    ("PASSWORD=a1>b2", ["a1>b2"]),
]
MARKUP: list[Case] = [
    (
        "<R><AccessKeyId>AKIAIOSFODNN7EXAMPLE</AccessKeyId><SecretAccessKey>wJ/x</SecretAccessKey></R>",
        ["AKIAIOSFODNN7EXAMPLE", "wJ/x"],
    ),
    ('<ns:password type="a">x&amp;y</ns:password>', ["x&y"]),
    ("<token><![CDATA[a<b]]></token>", ["a<b"]),
    ("<token/><a>b</a>", []),
    ("<a href=/x?token=abc1>go</a>", ["abc1"]),
    ("<credentials><user>bob</user><q>x1</q></credentials><q>y2</q>", ["x1"]),
    ('<add key="Password" value="x1"/>', ["x1"]),
    ('<input type="hidden" name="csrf_token" value="abc&quot;d"/>', ['abc"d']),
    ('<input value="abcd" name="csrf_token">', ["abcd"]),
    ("<input name=csrf_token value=abcd>", ["abcd"]),
    ('<meta name="csrf-token" content="abcd">', ["abcd"]),
    ('<property name="password">x1</property>', ["x1"]),
    ("<key>Password</key>\n<string>x1</string>", ["x1"]),
    ("<member><name>password</name><value><string>x1</string></value></member>", ["x1"]),
    ('<a token="x&amp;1">b</a>', ["x&1"]),
    ("<p>The token is <b>not</b> here</p>", []),
]
BLOCKS: list[Case] = [
    ("db_password: correct horse battery\nuser: bob", ["correct horse battery"]),
    ("token: abc # a comment\nuser: bob", ["abc"]),
    ('token: "a\\"b"\nuser: bob', ['a"b']),
    ("env:\n  - name: DB_PASSWORD\n    value: x1\n  - name: A\n    value: b\n", ["x1"]),
    ("secrets:\n  DB: v1\n  user: bob\nother: x", ["v1"]),
    ("tokens:\n- a1\n- b2\nother: x", ["a1", "b2"]),
    ("a:\n  private_key: |\n    abc\n    def\n  x: y\n", ["abc\ndef"]),
    ("[db]\npassword = x1\nhost = h\n", ["x1"]),
    (PART.format("password", "hunter2") + PART.format("a", "b") + "--B--\r\n", ["hunter2"]),
    (PART.format('token"\r\nContent-Type: "text/plain', "x1") + "--B--\r\n", ["x1"]),
]
CHANCE: list[Case] = [
    (f'{{"x":"{RANDOM}"}}', [RANDOM]),
    (f'{{"x":"got {RANDOM}, then {OTHER}."}}', [RANDOM, OTHER]),
    (HEX, [HEX]),
    (f"upstream said {HEX[:40]}", [HEX[:40]]),
    (f'{{"x":"abc_live_{RANDOM}"}}', [f"abc_live_{RANDOM}"]),
    (f"?code={RANDOM}&state=ok", [RANDOM]),
    (f'{{"url":"https://h/x/{OTHER}/y?code={RANDOM}"}}', [RANDOM]),
    (f"https://h/a?b=c#access={RANDOM}", [RANDOM]),
    (f'{{"id":"{RANDOM}","ids":["{RANDOM}","{OTHER}"],"requestId":"{HEX[:32]}"}}', []),
    (f'{{"digests":["{HEX}"],"etag":"{HEX[:32]}"}}', []),
    (f'{{"nonce":"{RANDOM}","version":"{OTHER}"}}', [RANDOM, OTHER]),
    (f'{{"user":"{RANDOM}","agent":"x/1 ({OTHER})"}}', [RANDOM, OTHER]),
    (f'{{"hash":"{RANDOM}","checksum":"{OTHER}a","etag":"{RANDOM}"}}', [RANDOM, f"{OTHER}a"]),
    (f'{{"hash":"{HEX}","rev":"2-{HEX[:32]}","sha1":"{HEX[:40].upper()}","md5":"{RANDOM}Zx=="}}', []),
    (f'{{"hash":"{HEX[:33]}"}}', [HEX[:33]]),
    (f"commit {HEX[:40]}\ntree {HEX[:40]}\nindex 1234..4321", []),
    (f"image@sha256:{HEX} md5:{HEX[:32]} sha1={HEX[:40]}", []),
    (f"script-src 'sha256-{base64.b64encode(bytes.fromhex(HEX)).decode()}' 'nonce-{RANDOM}'", []),
    (f"GET https://h/x/{RANDOM}/y and /v1/things/{RANDOM} and things/{RANDOM}.", []),
    (f"/usr/lib/x/main.{HEX[:32]}.js {RANDOM}.execute-api.eu-west-1.amazonaws.com", []),
    (f"key.{RANDOM}", [f"key.{RANDOM}"]),
    ("2cb66397-abda-4b62-9b81-dc34bc7d1037 2CB66397ABDA4B629B81DC34BC7D1037", []),
    ("registry.example.com/workspace:2026-01-05-4f1c9d2e e2e-20260105-1a2b3c4d i-8ccc638250d053685", []),
    ("multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW", []),
    ("----WebKitFormBoundary7MA4YWxkTrZu0gW\r\na\r\n----WebKitFormBoundary7MA4YWxkTrZu0gW--", []),
    (f'{{"icon":"data:image/png;base64,{base64.b64encode(bytes.fromhex(HEX)).decode()}"}}', []),
    (f'{{"picture":"iVBORw0KGgo{RANDOM}"}}', []),
    (f"<ETag>&quot;{HEX[:32]}&quot;</ETag><ID>{HEX}</ID><x>{HEX}</x>", [HEX]),
    (base64.b64encode(b"There is nothing secret in here, be it ever so long").decode(), []),
    (base64.b64encode(b'{"user":"bob","password":"hunter2"}').decode(),) * 2,  # type: ignore[list-item]
    (base64.b64encode(b"user:hunter2-password").decode(),) * 2,  # type: ignore[list-item]
]
# Where the layout alone says that a value belongs to a name, or that it is a password.
LAYOUTS: list[Case] = [
    ('{"key":"db_password","meta":{"a":1},"tags":["x"],"value":"plumtree"}', ["plumtree"]),
    ('{"key":"api.token","value":{"stringValue":"plumtree"}}', ["plumtree"]),
    ('{"field":"password","message":"too short","input":"plum"}', ["plum"]),
    ('{"op":"replace","path":"/spec/password","value":"plumtree"}', ["plumtree"]),
    ('[["API_KEY","plumtree"],["LEVEL","info"]]', ["plumtree"]),
    ('[["password","username"]]', []),
    ('<setting name="ApiKey"><value>plumtree</value></setting>', ["plumtree"]),
    ("<dl><dt>Password</dt><dd>plumtree</dd></dl>", ["plumtree"]),
    ("curl -H 'X-Api-Key: plumtree' -H 'Cookie: a=b1c2; d=plumtree' http://h", ["plumtree", "b1c2", "plumtree"]),
    ('curl --header "Authorization: Bearer plum-tree" http://h', ["plum-tree"]),
    ("docker login -u bob -p plumtree registry.example.com", ["plumtree"]),
    ("tool --username bob --region eu -p plumtree", ["plumtree"]),
    ('["docker","login","-u","bob","-p","plumtree"]', ["plumtree"]),
    ("mysql -u root -pplumtree base", ["plumtree"]),
    ("redis-cli -h h -a plumtree ping", ["plumtree"]),
    ("ldapsearch -x -D cn=admin -w plumtree -b dc=x", ["plumtree"]),
    ("unzip -P plumtree a.zip && sqlcmd -U sa -P appletart", ["plumtree", "appletart"]),
    ("openssl rsa -passin pass:plumtree -in k", ["plumtree"]),
    ("sqlplus bob/plumtree@h jdbc:oracle:thin:bob/appletart@h:1521:x", ["plumtree", "appletart"]),
    ("kubectl create secret generic x --from-literal=who=plumtree", ["plumtree"]),
    ("AUTH PLAIN AGJvYgBwbHVtdHJlZQ==\r\n", ["AGJvYgBwbHVtdHJlZQ=="]),
    ("db.example.com:5432:base:bob:plumtree\n", ["plumtree"]),
    ("bob:plum@tree@tcp(h:3306)/base", ["plum@tree"]),
    ("bob:plumtree@tcp(h:3306)/base", ["plumtree"]),
    ("ALTER USER bob IDENTIFIED BY plumtree9;", ["plumtree9"]),
    ("setenv DB_PASSWORD plumtree\n", ["plumtree"]),
    ("aws configure set aws_secret_access_key plumtree\n", ["plumtree"]),
    ("port 6379\nrequirepass plumtree\n", ["plumtree"]),
    ("USER bob\r\nPASS plumtree\r\n", ["plumtree"]),
    ("requests.get(url, auth=('bob', 'plumtree'))", ["plumtree"]),
    ("Server=db;User Id=sa;Password=plum tree;Encrypt=true", ["plum tree"]),
    ("docker run -u bob -p 127.0.0.1:8080:80 nginx; ssh -l login -p 2222 host", []),
    ("sudo -u www mkdir -p plumtree && cp -p one two && mysql -u root -p base", []),
    ("PASS tests/token.test.js\nPASS plumtree\n", []),
    ("The login page is here, and mysql-port is not - please; a zip of it", []),
]
PLACEHOLDERS: list[Case] = [
    ('{"token":"{{cpproxy:authorization:1}}"}', []),
    ("Authorization: Bearer {{cpproxy:authorization:1}}\nCookie: a={{cpproxy:a:1}}; b=c1d2", ["c1d2"]),
    ("token={{cpproxy:=17}}&password=x1", ["x1"]),
    ('{"note":"{{cpproxy:api-token:1}}","url":"http://u:{{cpproxy:userinfo:1}}@h/"}', []),
    ('{"secret":"before {{cpproxy:a:1}} after1"}', ["before ", " after1"]),
]
TABLES = {
    "JSON": JSON,
    "form": FORMS,
    "console": CONSOLE,
    "fonts": FONTS,
    "connection": CONNECTIONS,
    "markup": MARKUP,
    "block": BLOCKS,
    "chance": CHANCE,
    "layout": LAYOUTS,
    "placeholder": PLACEHOLDERS,
}


def _normal(case: Any) -> Case:
    text, expected = case
    return text, [expected] if isinstance(expected, str) else expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [pytest.param(*_normal(case), id=f"{kind}-{case[0][:60]}") for kind, table in TABLES.items() for case in table],
)
def test_the_secrets_of_a_text_are_found_and_nothing_else(text: str, expected: list[str]) -> None:
    check(text, expected)


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ('{"password":"hunter2"}', ["hunter2"]),
        (r'{"password":"a\"b\u0026c"}', [r"a\"b\u0026c"]),
        ("a=b&token=a%26b&c=d", ["a%26b"]),
        (r'{"body":"{\"token\":\"a\\\"b\"}"}', [r"a\\\"b"]),
        ("q=%7B%22token%22%3A%22a%5C%22b%22%7D", ["a%5C%22b"]),
        ("<token>a&amp;b</token>", ["a&amp;b"]),
        ("x\x1b[31m token=abc\x1b[0m y", ["abc"]),
        (r'{"note":"p\u0061ssword=abc\u0026x=1"}', ["abc"]),
    ],
)
def test_a_find_begins_and_ends_with_its_escapes(text: str, spans: list[str]) -> None:
    assert [text[find.start : find.end] for find in FINDER.find_in_text(text)] == spans


@pytest.mark.parametrize("secret", ["123456789:AA" + "b7Q" * 11, "DB_PASSWORD=x1y2z3", "$2b$12$" + "a7Q./" * 10])
def test_what_is_escaped_before_an_equals_sign_is_read_too(secret: str) -> None:
    core = secret.removeprefix("DB_PASSWORD=")
    for text in (f"/a/{quote(secret, safe='')}?b=1", f"a=1&{quote(secret, safe='')}=1"):
        (find,) = FINDER.find_in_value(text, "Location", "header:Location")
        assert find.value.startswith(core)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/cp/tenants/config", []),
        (f"/x/{RANDOM}/y?token=ab%2Bc1&x=1", ["ab+c1"]),
        ("/a?password=x+y%26z", ["x y&z"]),
        ("/a?X-Amz-Signature=abc123&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1",
         ["abc123", "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1"]),
        ("http://u:p%40ss@h/x?y=z", ["p@ss"]),
        ("/bot123456789:AAabcdefghijklmnopqrstuvwxyz0123456/send", ["123456789:AAabcdefghijklmnopqrstuvwxyz0123456"]),
        ("/x;jsessionid=ABC123?y=1", ["ABC123"]),
        (f"/x?code={RANDOM}&uploadId={OTHER}&next_token={OTHER}", [RANDOM]),
        (f"/{HEX}/{HEX[:40]}", []),
        ("/cb?url=" + quote("https://h/?sig=abc1&x=y", safe=""), ["abc1"]),
        (f"/a?jwt={JWT}", [JWT]),
        ("/a%3Ftoken=abc", ["abc"]),
        ("/?", []),
        ("*", []),
    ],
)  # fmt: skip
def test_the_secrets_of_a_target(target: str, expected: list[str]) -> None:
    assert [find.value for find in FINDER.find_in_target(target)] == expected


@pytest.mark.parametrize(
    ("name", "value", "expected", "role"),
    [
        ("Authorization", "Bearer abc", ["abc"], "authorization"),
        ("authorization", "Basic dXNlcjpwdzE=", ["dXNlcjpwdzE="], "authorization"),
        ("Proxy-Authorization", "abc def ghi", ["abc def ghi"], "proxy-authorization"),
        ("Authorization", "Bearer p@ss word!", ["p@ss word!"], "authorization"),
        ("Authorization", "Bearer", [], ""),
        ("Authorization", "", [], ""),
        ("Cookie", "a=b1; sid=xyz123; n=1; empty=", ["b1", "xyz123"], "a"),
        ("Cookie", "opaque-cookie", ["opaque-cookie"], "cookie"),
        ("Cookie", 'q="a1b2"; z={{cpproxy:z:1}}', ["a1b2"], "q"),
        ("Set-Cookie", "sid=abc123; Path=/; Max-Age=3600; HttpOnly", ["abc123"], "sid"),
        ("Set-Cookie", "sid=; Max-Age=0", [], ""),
        ("X-Api-Key", "Bearer x1", ["Bearer x1"], "x-api-key"),
        ("X-Molecule-Admin-Token", "sham-admin-token", ["sham-admin-token"], "x-molecule-admin-token"),
        ("ETag", f'"{RANDOM}"', [], ""),
        ("X-Request-Id", HEX, [], ""),
        ("X-Thing", RANDOM, [RANDOM], "random"),
        ("Location", f"https://h/cb?code={RANDOM}&state=x", [RANDOM], "code"),
        ("Referer", "https://h/?access_token=abc1", ["abc1"], "access-token"),
        ("WWW-Authenticate", 'Digest realm="x", nonce="0123456789abcdef0123456789abcdef"', [], ""),
        ("Date", "Mon, 05 Jan 2026 10:11:12 GMT", [], ""),
        ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)", [], ""),
        ("User-Agent", f"agent/1 ({RANDOM}.Cl2FMQ.{OTHER})", [f"{RANDOM}.Cl2FMQ.{OTHER}"], "token"),
        ("User-Agent", "agent/1.2024.20260105 x/main.deadbeefdeadbeef.release", [], ""),
        ("User-Agent", f"agent/1 ({RANDOM})", [RANDOM], "random"),
        ("Content-MD5", f"{RANDOM}Zx==", [], ""),
        ("Content-MD5", RANDOM, [RANDOM], "random"),
        ("X-RateLimit-Remaining-Tokens", "3fJk29", [], ""),
        ("Content-Type", "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW", [], ""),
    ],
)
def test_the_secrets_of_a_header(name: str, value: str, expected: list[str], role: str) -> None:
    finds = FINDER.find_in_value(value, name, f"header:{name}")
    assert [find.value for find in finds] == expected
    assert [value[find.start : find.end] for find in finds] == expected
    assert not finds or finds[0].role == role


@pytest.mark.parametrize(
    ("value", "name", "expected"),
    [
        ('{"a":"b1"}', "secret", ['{"a":"b1"}']),
        ("abc", "password", ["abc"]),
        ("Bearer abcd1", "auth", ["abcd1"]),
        ("password=abc&x=1", "note", ["abc"]),
        ("abc", "note", []),
    ],
)
def test_the_secrets_of_a_leaf(value: str, name: str, expected: list[str]) -> None:
    assert [find.value for find in FINDER.find_in_value(value, name)] == expected


SIGNED = "6LZOIHQHSUdNhGcjd3IP9WTy.YRvgIkft.BHJhjw2rFolZsC-NkPNgoqL-AIikZh_0OFpm"


@pytest.mark.parametrize(
    "around", ["{}.txt", "{}.tar.gz", "{}.e.example:443", "a.{}.json", "/files/{}.json", "www.{}.example"]
)
def test_a_token_of_three_parts_is_one_in_the_name_of_a_file_or_of_a_host(around: str) -> None:
    check(f"see {around.format(SIGNED)} there", [SIGNED])


@pytest.mark.parametrize(
    "name",
    [
        "static/js/vendors.4f2a91bc.chunk.3fJk29QmZx81LpWv7TnB.js.map",
        "ip-10-0-0-1.eu-west-1.compute.internal.example.com",
        "mydb-instance.c9akciq32xyz.us-east-1.rds.amazonaws.com",
        "cluster-3fjk29qmzx81lpwv7tnb.eu.region.example.com",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ],
)
def test_the_name_of_a_file_of_a_host_or_of_a_trace_is_no_token(name: str) -> None:
    check(f"see {name} there", [])


def test_a_text_under_a_harmless_name_holds_nothing_by_chance() -> None:
    assert values(RANDOM) == [RANDOM]
    assert FINDER.find_in_text(RANDOM, name="etag") == []
    assert [find.value for find in FINDER.find_in_text(f"{RANDOM} token=abc", name="etag")] == ["abc"]


@pytest.mark.parametrize(
    ("value", "name", "known"),
    [
        ("Basic dXNlcjpwdzE=", "Authorization", {"user:pw1", "pw1"}),
        ("Basic dTpwMQ==", "Authorization", {"u:p1", "p1"}),
        ("Bearer abc", "Authorization", set()),
        ("Bearer x1y2", "X-Api-Key", {"x1y2"}),
        ("bob:hunter2", "auth", {"hunter2"}),
        ("postgres://bob:hunter2@db/x", "DATABASE_DSN", {"hunter2"}),
        ("Server=h;Password=hunter2;", "connection_string", {"hunter2"}),
        ('{"type":"service_account","private_key":"abc1"}', "gcp_credentials", {"abc1"}),
        (base64.b64encode(b'{"password":"hunter2"}').decode(), "secret", {"hunter2"}),
        (
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260105/eu/s3/aws4_request, Signature=abc1",
            "Authorization",
            {"AKIAIOSFODNN7EXAMPLE/20260105/eu/s3/aws4_request", "abc1"},
        ),
    ],
)
def test_what_is_known_with_a_secret(value: str, name: str, known: set[str]) -> None:
    (find,) = FINDER.find_in_value(value, name, f"header:{name}")
    assert {one for one, _ in FINDER.also(find)} >= known


def test_what_a_digest_answers_to_is_known_to_anybody() -> None:
    value = f'Digest username="u", nonce="{RANDOM}", opaque="{RANDOM[::-1]}", response="{RANDOM.swapcase()}"'
    (find,) = FINDER.find_in_value(value, "Authorization", "header:authorization")
    assert {one for one, _ in FINDER.also(find)} & {RANDOM, RANDOM[::-1], RANDOM.swapcase()} == {RANDOM.swapcase()}


def test_of_two_the_surer_stays_and_no_part_of_the_other_is_left() -> None:
    text = '{"secret":"see ghp_' + "aB3" * 12 + ' there"}'
    (find,) = FINDER.find_in_text(text)
    assert (find.reason, find.value) == (Reason.NAMED, f"see ghp_{'aB3' * 12} there")
    text = f"x_{RANDOM}AKIAIOSFODNN7EXAMPLE"
    covered = "".join(text[find.start : find.end] for find in FINDER.find_in_text(text))
    assert RANDOM in covered


def test_what_is_json_by_the_caller_is_read_as_json() -> None:
    text = '{"token":"a\\"b","cut":"of'
    assert [find.value for find in FINDER.find_in_text(text, json=True)] == ['a"b']


# What was found stays found in every mixture of places and escapes: the widest net, with new values in each run.

SOURCE = SystemRandom()
LETTERS = string.ascii_letters + string.digits
KINDS: dict[str, str] = {
    "password": "p@ss w0rd&\"'<%",
    "api_key": "k-%s",
    "clientSecret": "%s",
    "X-Auth-Token": "%s",
    "connection_string": "Host=h;Password=%s",
    "refresh_token": "1//%s",
    "signature": "%s=",
    "SESSION_ID": "%s",
    "privateKey": "a\\%s",
    "passphrase": "correct horse %s",
    "otp": "4%s",
    "db-pass": "é%s☃",
}


def write(value: str) -> str:
    """A value in double quotes."""
    return json.dumps(value, ensure_ascii=False)


PLACES: dict[str, Callable[[str, str], str]] = {
    "JSON": lambda name, value: json.dumps({"a": 1, name: value, "z": "y"}),
    "JSON without ASCII": lambda name, value: json.dumps({name: value}, ensure_ascii=False, indent=2),
    "JSON in JSON": lambda name, value: json.dumps({"body": json.dumps({name: value, "n": 2})}),
    "JSON in JSON in JSON": lambda name, value: json.dumps([json.dumps({"b": json.dumps({name: value})})]),
    "a list of variables": lambda name, value: json.dumps([{"name": name, "value": value}, {"name": "A"}]),
    "a form": lambda name, value: f"a=b&{quote(name)}={quote(value, safe='')}&z=y",
    "a form in JSON": lambda name, value: json.dumps({"body": f"a=b&{name}={quote(value, safe='')}&z=y"}),
    "JSON in a form": lambda name, value: f"a=b&p={quote(json.dumps({name: value}), safe='')}",
    "a query": lambda name, value: f"GET https://h/x?{name}={quote(value, safe='')}&z=y HTTP/1.1\n",
    "a URL in a URL": lambda name, value: f"u={quote(f'https://h/?{name}={quote(value, safe="")}&z=y', safe='')}&s=t",
    "XML": lambda name, value: f"<r><a>b</a><{name}>{html.escape(value)}</{name}></r>",
    "an attribute": lambda name, value: f'<r><a {name}="{html.escape(value)}" z="y"/></r>',
    "an input": lambda name, value: f'<form><input name="{name}" value="{html.escape(value)}"></form>',
    "HTML of JSON": lambda name, value: f"<pre>{html.escape(json.dumps({name: value}))}</pre>",
    "a quoted variable": lambda name, value: f"export {name.replace('-', '_')}={write(value)}",
    "YAML": lambda name, value: f"a: b\n{name}: {json.dumps(value)}\nz: y\n",
    "multipart": lambda name, value: f"{PART.format(name, value)}--B--\r\n",
    "a flag": lambda name, value: f"tool --{name} {write(value)} --verbose",
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", KINDS)
def test_a_named_secret_is_found_whole_and_as_it_is_in_every_place(name: str, place: str) -> None:
    drawn = "".join(SOURCE.choice(LETTERS) for _ in range(20))
    value = KINDS[name].replace("%s", drawn)
    text = PLACES[place](name, value)
    finds = FINDER.find_in_text(text)
    assert value in [find.value for find in finds], (text, finds)


@pytest.mark.parametrize("place", PLACES)
def test_a_clean_value_is_left_in_every_place(place: str) -> None:
    for name, value in [("note", "hello world"), ("workspace_id", "2cb66397-abda-4b62-9b81-dc34bc7d1037"), ("n", "25")]:
        assert values(PLACES[place](name, value)) == []


# Spans and settling, over texts of every make.

_NAMES = [
    "password",
    "token",
    "api_key",
    "note",
    "id",
    "X-Api-Key",
    "Authorization",
    "Cookie",
    "session",
    "credentials",
    "name",
    "value",
    "url",
    "secret",
]
_VALUES = [
    *(
        "hunter2",
        "s3cr3t v&l",
        JWT,
        RANDOM,
        "Bearer abc123",
        'a"b\\c',
        "p'q<r>",
        "https://u:p%40w@h/x?token=a1",
        "x",
        "1",
    ),
    *("none", "AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "a=b; c=d1", "{{cpproxy:token:1}}"),
    *(
        "dXNlcjpodW50ZXIyLXBhc3N3b3Jk",
        *(
            "token,",
            "token\t",
            "| token ",
            "token  ",
            "token,a\n",
            "token\ta\n",
            "|token|a\n",
            '["token",',
            '[["token"],',
        ),
        *(
            "<tr><th>token</th>",
            "<tr><td>token</td><td>a</td></tr>",
            '{"columns":["token"],"rows":[["a"],',
            "<tr>token",
        ),
        *("c29tZSB0ZXh0", "dG9rZW49YWJj" * 5 + "\n", "746f6b656e3d61", "AA==", "dGU=/"),
        "-----BEGIN PRIVATE KEY-----\nMIIabc+/\n-----END PRIVATE KEY-----\n",
        "a,b;c&d=e",
    ),
    *("ghp_aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789", "--password x1", "correct horse battery"),
]
_LEAF = st.sampled_from(_VALUES) | st.text(alphabet="abcXYZ019 _-.é☃", max_size=12)
_NAME = st.sampled_from(_NAMES)
_TREE: st.SearchStrategy[Any] = st.recursive(
    _LEAF | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAME, inner, max_size=4),
    max_leaves=8,
)
_PAIRS = st.lists(st.tuples(_NAME, _LEAF), min_size=1, max_size=4)


def _write_form(pairs: list[tuple[str, str]]) -> str:
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)


_PLAIN = st.one_of(
    _TREE.map(json.dumps),
    _PAIRS.map(_write_form),
    _PAIRS.map(lambda pairs: "\n".join(f"{name}: {value}" for name, value in pairs)),
    _PAIRS.map(lambda pairs: "\n".join(f'export {name}="{value}"' for name, value in pairs)),
    _PAIRS.map(lambda pairs: " ".join(f"--{name} {value}" for name, value in pairs)),
    _PAIRS.map(lambda pairs: "".join(f"<{name}>{html.escape(value)}</{name}>" for name, value in pairs)),
)
_TEXT = st.recursive(
    _PLAIN,
    lambda inner: st.one_of(
        inner.map(lambda text: json.dumps({"body": text})),
        inner.map(lambda text: f"q={quote(text, safe='')}"),
        inner.map(html.escape),
        inner.map(lambda text: json.dumps([text, {"token": "zz9"}])),
    ),
    max_leaves=3,
)
_SIGNS = st.lists(
    st.sampled_from(
        [
            *("=: \"'&;{}[],<>/\\\n@%.-"),
            *("password", "token", "Cookie", "Bearer ", "a1b2", "://", "%22", "&quot;", "\\u0022", "name", "value"),
            *("{{cpproxy:a:1}}", "eyJab", "-----BEGIN PRIVATE KEY-----", "İ", "\ud800"),
        ]
    ),
    max_size=16,
).map("".join)


def _is_settled(text: str, finds: list[Find]) -> bool:
    ends = [0, *(find.end for find in finds)]
    return all(end <= find.start < find.end <= len(text) for end, find in zip(ends, finds, strict=False))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_TEXT | _SIGNS | st.text(max_size=80))
def test_finds_are_in_order_and_none_is_over_another(text: str) -> None:
    assert _is_settled(text, FINDER.find_in_text(text))
    assert _is_settled(text, FINDER.find_in_target(text))
    for name in ("note", "password", "Cookie", "Authorization"):
        assert _is_settled(text, FINDER.find_in_value(text, name))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_TEXT)
def test_what_was_replaced_leaves_nothing_named_or_shaped_behind(text: str) -> None:
    finds = FINDER.find_in_text(text)
    replaced, at = "", 0
    for number, find in enumerate(finds):
        replaced += f"{text[at : find.start]}{{{{cpproxy:{find.role}:{number}}}}}"
        at = find.end
    left = FINDER.find_in_text(replaced + text[at:])
    assert [find for find in left if find.reason is not Reason.RANDOM] == []


# Texts that hurt: time grows with their length and no faster.

_MEGABYTE = 1_000_000
HOSTILE = [
    *("a", '"', "\\", "%25", "=", "eyJ", "/", ".", "-", "{", "[", "A1b", "&amp;", "\x1b[0m", "İ", "\ud800", "\\u0022"),
    *('{"token":', '"token":"', "token=", 'token="', "token='", "token: ", "token:\n", "password ", "--password "),
    *("<token>", "<token><![CDATA[", '<input name="token" ', 'name="password"', '"name":"token",', "credentials: "),
    *("-----BEGIN PRIVATE KEY-----\n", "-----BEGIN CERTIFICATE-----", "://", "://a:b@", "bearer ", "basic abcd1234 "),
    *("AKIA", "ghp_", "sk-", "xoxb-", "-us1", ":aa", "a.b.", "aB3dE5gH7jK9mN1pQ/", "aB3dE5gH7jK9mN1pQ ", " -u "),
    *("token=a&", "token%3Da%26", "Cookie: a=b; ", "$2a$", "data:image/png;base64,", "identified by '"),
    *("token: |\n a\n", 'token: ["', "{{cpproxy:a:1}}", "Authorization: Digest a=b, ", "PuTTY-User-Key-File-2: "),
    'form-data; name="password"\r\n\r\n',
    *("login -p", "mysql ", "mongo -p ", "-u a -p ", " -u a -b c", "openssl ", ":5432:a:b:", "a:b@tcp(", "zip a -P "),
    *("curl -H 'token: ", 'auth=("a",', "Password=a ;", '"path":"/token",', '{"name":"token","a":{'),
    *("config set token a", "http://h/x/token:"),
    *("c29tZSB0ZXh0", "dG9rZW49YWJj" * 5 + "\n", "746f6b656e3d61", "AA==", "dGU=/"),
    *("token,", "token\t", "| token ", "token  ", "token,a\n", "token\ta\n", "|token|a\n", '["token",', '[["token"],'),
    *("<tr><th>token</th>", "<tr><td>token</td><td>a</td></tr>", '{"columns":["token"],"rows":[["a"],', "<tr>token"),
    "-----BEGIN PRIVATE KEY-----\nMIIabc+/\n-----END PRIVATE KEY-----\n",
    "-----BEGIN CERTIFICATE-----\nMIIabc+/\n-----END CERTIFICATE-----\n",
]  # fmt: skip


def _measure(text: str) -> float:
    began = time.process_time()
    FINDER.find_in_text(text)
    FINDER.find_in_target(text)
    return time.process_time() - began


@pytest.mark.parametrize("part", HOSTILE)
def test_a_hostile_text_takes_time_in_proportion_to_its_length(part: str) -> None:
    assert _measure(part * (_MEGABYTE // 10 // len(part))) < 1.0


@pytest.mark.slow
@pytest.mark.parametrize("part", HOSTILE)
def test_a_megabyte_of_it_is_read_in_seconds(part: str) -> None:
    assert (
        _measure(part * (_MEGABYTE // len(part))) < 6.0
    )  # twice: as a text and as a target; 2 s where nothing else runs


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"token":' * 100_000 + '"a"' + "}" * 100_000, id="nested"),
        pytest.param('{"x":"' + '\\"token\\":\\"abc\\",' * 50_000 + '"}', id="escaped"),
        pytest.param(base64.b64encode(Random(1).randbytes(750_000)).decode(), id="base64"),
        pytest.param(Random(1).randbytes(500_000).hex(), id="hex"),
        pytest.param(base64.b64encode(base64.b64encode(b"token=abc, " * 50_000)).decode(), id="base64 of base64"),
        pytest.param((b"token=abc, " * 45_000).hex(), id="hex of a text"),
        pytest.param(json.dumps([Random(n).randbytes(16).hex() for n in range(28_000)]), id="digests"),
        pytest.param(json.dumps(["a\nb, and c"] * 60_000), id="lines"),
    ],
)
def test_a_megabyte_of_secrets_is_read_in_seconds(text: str) -> None:
    assert _measure(text) < 12.0


def test_a_token_that_goes_as_a_protocol_of_websockets_is_one() -> None:
    header = f"bearer, {RANDOM}{OTHER}"
    assert [find.value for find in FINDER.find_in_value(header, "Sec-WebSocket-Protocol")] == [RANDOM + OTHER]
    assert FINDER.find_in_value("graphql-transport-ws, v12.stomp", "Sec-WebSocket-Protocol") == []


def _pack_struct(name: str, value: str) -> bytes:
    """A field of google.protobuf.Struct."""
    inner = b"\x1a" + bytes([len(value)]) + value.encode()
    entry = b"\x0a" + bytes([len(name)]) + name.encode() + b"\x12" + bytes([len(inner)]) + inner
    return b"\x0a" + bytes([len(entry)]) + entry


def _pack_bson(name: str, value: str) -> bytes:
    text = value.encode() + b"\0"
    return b"\x02" + name.encode() + b"\0" + len(text).to_bytes(4, "little") + text + b"\0"


def _pack_cbor(name: str, value: str) -> bytes:
    head = bytes([0x60 + len(value)]) if len(value) < 24 else bytes([0x78, len(value)])
    return b"\xa1" + bytes([0x60 + len(name)]) + name.encode() + head + value.encode()


@pytest.mark.parametrize("value", ["abc1-d", "plumtree-77!", f"{RANDOM}x", RANDOM + OTHER, RANDOM + OTHER + HEX])
@pytest.mark.parametrize("name", ["password", "admin_token", "DB_PASSWORD", "apiKey"])
@pytest.mark.parametrize(
    "pack",
    [
        lambda name, value: msgspec.msgpack.encode({"user": "bob", name: value, "n": 1}),
        lambda name, value: pickle.dumps({"user": "bob", name: value, "n": 1}),
        lambda name, value: pickle.dumps({"user": "bob", name: value, "n": 1}, protocol=2),
        _pack_struct,
        _pack_bson,
        _pack_cbor,
    ],
    ids=["MessagePack", "pickle", "old pickle", "Protocol Buffers", "BSON", "CBOR"],
)
def test_a_named_secret_in_bytes_is_found(pack: Callable[[str, str], bytes], name: str, value: str) -> None:
    finds = FINDER.find_in_bytes(pack(name, value).decode("latin-1"))
    assert any(value in find.value for find in finds if find.reason is not Reason.RANDOM)


def test_bytes_without_a_named_secret_have_none() -> None:
    for packed in (
        msgspec.msgpack.encode(
            {"token_type": "abc1-d-e-f", "session_count": "abc1-d-e-f", "secret": None, "user": "bob77"}
        ),
        b"\x7fELF\0password\0username\0token\0secret\0get_token\0is_password_set\0",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0tEXtComment\0no token here",
    ):
        assert FINDER.find_in_bytes(packed.decode("latin-1")) == []

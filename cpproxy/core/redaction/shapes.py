"""Shapes by which a secret is known wherever it stands: what vendors and standards put in front of their tokens.

Each shape has beginnings, which one search over the whole text finds in lower case, and an expression that is tried at
those places alone. A group of the name `secret` is the secret, else all that fits. What comes after a beginning may be
any letter and digit: what a vendor adds to an alphabet, and what stands in for a token in a test, is found as well.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from cpproxy.core.redaction.randomness import is_wordlike

SEGMENTED = frozenset(["discord-webhook", "slack-webhook", "teams-webhook"])
"""Roles of what is several segments of a path."""

_REACH = 512
_OF_ALL_SORTS = re.compile(r"(?=.{4,}[a-z])(?=.{4,}[A-Z]).{4,}[0-9]")
_STRETCH = re.compile(r"[A-Za-z0-9]{12,}")
_ALNUM = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")


class Shaped(NamedTuple):
    """A place in a text that has the shape of a secret, and the name of that shape."""

    start: int
    end: int
    role: str


@dataclass(frozen=True, slots=True)
class Shape:
    """One shape; `apart` if no letter or digit may stand before it; `check` looks at what fits.

    A beginning stands in the shape at one of the places `back`. What tells a length, as the byte before a string does
    in Protocol Buffers, CBOR and MessagePack, may be a letter.
    """

    role: str
    beginnings: tuple[str, ...]
    pattern: re.Pattern[str]
    apart: bool = True
    back: tuple[int, ...] = (0,)
    check: Callable[[str], bool] = bool

    def fit(self, text: str, at: int, *, packed: bool = False) -> Shaped | int:
        """The secret of this shape whose beginning stands at a place, or up to where there is none.

        In what is `packed`, a letter or digit may stand before it, as a tag or a length, if it looks made.
        """
        for back in self.back:
            start = at - back
            if start < 0:
                continue
            joined = self.apart and start > 0 and text[start - 1] in _ALNUM
            framed = self._fit_framed(text, start, packed=packed) if joined or (packed and start) else None
            if joined and framed is None:
                continue
            found = self.pattern.match(text, start, start + _REACH)
            if found and found.end() == start + _REACH:
                found = self.pattern.match(text, start)
            found = found or framed
            if found and found.end() > at:
                if self.check(found[0][:_REACH]):
                    return Shaped(*self._span(found), self.role)
                return found.end()
        return at

    def _fit_framed(self, text: str, start: int, *, packed: bool) -> re.Match[str] | None:
        """What fits behind a character that is no part of it, but its length in bytes, or a tag."""
        end = start + ord(text[start - 1])
        found = self.pattern.match(text, start, end)
        if found and ((found.end() == end and self.check(found[0])) or (packed and _looks_made(found[0]))):
            return found
        return None

    def _span(self, found: re.Match[str]) -> tuple[int, int]:
        return found.span("secret" if "secret" in self.pattern.groupindex else 0)


def _shape(
    role: str,
    beginnings: str,
    pattern: str,
    *,
    apart: bool = True,
    back: tuple[int, ...] = (0,),
    check: Callable[[str], bool] = bool,
) -> Shape:
    return Shape(
        role,
        tuple(beginnings.split("|") if "|" in beginnings else beginnings.split()),
        re.compile(pattern),
        apart,
        back,
        check,
    )


def _mixed(secret: str) -> bool:
    """Whether a text is no word: it has digits, or letters that nobody writes."""
    return any(one.isdigit() for one in secret) or not is_wordlike(secret)


def _looks_made(secret: str) -> bool:
    """Whether a text is no list of words: letters of both cases with digits make none, nor does a dozen in disorder."""
    return bool(_OF_ALL_SORTS.match(secret)) or any(_mixed(stretch) for stretch in _STRETCH.findall(secret))


def _tail_mixed(secret: str) -> bool:
    return _mixed(re.split(r"[_.-]", secret, maxsplit=1)[-1])


_W = r"[A-Za-z0-9]"
_U = r"[A-Za-z0-9_-]"
_END = r"(?![A-Za-z0-9])"
_PAD = r"=(?![A-Za-z0-9])"
"""An equals sign at the end: in the middle it stands between a parameter and its value."""
_B = rf"(?:[A-Za-z0-9+/_-]|{_PAD})"

SHAPES = (
    # Tokens of standards: JWS and JWE in compact form (RFC 7515, 7516), and PASETO.
    _shape(
        "jwt",
        "eyj eya ewo",
        rf"[eE][yYwW]{_U}{{8,}}\.{_U}*+\.{_U}*+(?:\.{_U}*+\.{_U}*+)?(?:{_PAD})*",
    ),
    _shape(
        "paseto",
        "v1.local. v1.public. v2.local. v2.public. v3.local. v3.public. v4.local. v4.public.",
        rf"[vV]\d\.(?:local|public)\.{_U}{{16,}}(?:\.{_U}+)?",
    ),
    # Keys in text form.
    _shape("age-key", "age-secret-key-1", rf"(?i:AGE-SECRET-KEY-1){_W}{{20,}}", apart=False),
    _shape("crypt", "$2a$ $2b$ $2y$", r"\$2[aby]\$\d\d\$[./A-Za-z0-9]{22,53}", apart=False),
    _shape(
        "crypt",
        "$1$ $5$ $6$ $y$ $7$ $apr1$ $gy$",
        r"\$(?:[1567y]|gy|apr1)\$[./A-Za-z0-9=,]{1,64}\$[./A-Za-z0-9]{16,}(?:\$[./A-Za-z0-9]{20,})?",
        apart=False,
    ),
    _shape(
        "crypt",
        "$argon2 $scrypt $pbkdf2",
        r"\$(?:argon2(?:id|i|d)|scrypt|pbkdf2[\w-]*)\$[^\s\"'<>:\\&;]{16,}(?<![.,])",
        apart=False,
    ),
    _shape(
        "crypt",
        "{ssha {pbkdf2 pbkdf2_sha pbkdf2:sha scrypt:",
        r"(?:\{(?:SSHA\d*|PBKDF2[\w-]*)\}|pbkdf2_sha\d+\$|pbkdf2:sha\d+:|scrypt:\d+:)[^\s\"'<>\\&;]{16,}(?<![.,])",
    ),
    # Clouds.
    _shape("aws-key-id", "akia", rf"AKIA{_W}{{12,28}}{_END}"),
    _shape("aws-key-id", "asia abia acca a3t", rf"(?:ASIA|ABIA|ACCA|A3T[A-Z0-9]){_W}{{12,28}}{_END}", check=_mixed),
    _shape(
        "aws-bedrock-key",
        "absk bedrock-api-key-",
        rf"(?:ABSK[A-Za-z0-9+/]{{60,}}(?:{_PAD})*|bedrock-api-key-{_B}{{16,}})",
    ),
    _shape("google-api-key", "aiza", rf"AIza{_U}{{30,}}", apart=False),
    _shape("google-token", "ya29.", rf"ya29\.{_U}{{20,}}(?:\.{_U}+)*", apart=False),
    _shape("google-token", "1//0", rf"1//0{_U}{{30,}}"),
    _shape("google-secret", "gocspx-", rf"GOCSPX-{_U}{{20,}}", apart=False),
    _shape(
        "azure-key",
        "8q~ 7q~ 6q~ 5q~ 4q~ 3q~ 2q~ 1q~ 0q~ 9q~",
        r"[A-Za-z0-9_~.]{3}\dQ~[A-Za-z0-9_~.-]{31,34}",
        apart=False,
        back=(3,),
    ),
    _shape("alibaba-key", "ltai", rf"LTAI{_W}{{12,30}}{_END}", check=_mixed),
    _shape("tencent-key", "akid", rf"AKID{_W}{{28,48}}{_END}", check=_mixed),
    _shape("digitalocean-token", "dop_v1_ doo_v1_ dor_v1_", rf"do[opr]_v1_{_W}{{32,}}", apart=False),
    _shape("ibm-key", "apikey-", rf"ApiKey-{_U}{{30,}}"),
    _shape(
        "yandex-key",
        "aqvn ycaj ycp t1.",
        rf"(?:AQVN|YC[A-Z]{{1,2}}){_U}{{30,50}}|t1\.[A-Z0-9a-z_-]+={{0,2}}\.{_U}{{86}}={{0,2}}",
    ),
    _shape("heroku-key", "hrku-", rf"HRKU-{_U}{{30,}}", apart=False),
    _shape(
        "fly-token",
        "fm1_ fm1r_ fm2_ fo1_",
        rf"(?:fm1r?_|fm2_|fo1_){_B}{{40,}}(?:,fm[12]r?_{_B}{{40,}})*",
        apart=False,
    ),
    _shape("cloudflare-key", "v1.0-", rf"v1\.0-{_W}{{16,}}-{_W}{{80,}}"),
    # Code hosting and packages.
    _shape("github-token", "ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[A-Za-z0-9_.-]{20,}", apart=False),
    _shape("github-token", "github_pat_", r"github_pat_[A-Za-z0-9_]{22,}", apart=False),
    _shape(
        "gitlab-token",
        "glpat- gldt- glrt- glrtr- glcbt- glptt- glft- glimt- glagent- gloas- glsoat- glffct- glwt-",
        r"gl(?:pat|dt|rtr?|cbt|ptt|ft|imt|agent|oas|soat|ffct|wt)-[A-Za-z0-9_.-]{16,}",
        apart=False,
    ),
    _shape("gitlab-token", "gr1348941", rf"GR1348941{_U}{{20,}}", apart=False),
    _shape(
        "bitbucket-token",
        "atbb atctt3xff atatt3xff",
        rf"AT(?:BB|CTT3xFf|ATT3xFf){_U}{{24,}}(?:=[0-9A-F]{{8}}{_END}|{_PAD})?",
    ),
    _shape("npm-token", "npm_", rf"npm_{_W}{{30,}}", apart=False),
    _shape("pypi-token", "pypi-age", rf"pypi-AgE{_U}{{30,}}", apart=False),
    _shape("rubygems-key", "rubygems_", rf"rubygems_{_W}{{32,}}", apart=False),
    _shape("nuget-key", "oy2", r"oy2[a-z0-9]{43}(?![A-Za-z0-9])"),
    _shape("clojars-token", "clojars_", rf"CLOJARS_{_W}{{40,}}", apart=False),
    _shape("docker-token", "dckr_pat_ dckr_oat_", rf"dckr_[po]at_{_U}{{20,}}", apart=False),
    _shape("docker-token", "swmtkn- swmkey-", rf"SWM(?:TKN|KEY)-1-{_B}{{30,}}", apart=False),
    _shape("artifactory-key", "akcp cmvmdg", rf"(?:AKCp[0-9A-Za-z]{{50,80}}|cmVmdG[A-Za-z0-9]{{50,70}}){_END}"),
    # Payment and shops.
    _shape(
        "stripe-key",
        "sk_live_ sk_test_ rk_live_ rk_test_ sk_prod_ rk_prod_ sk_org_",
        r"[sr]k_(?:live|test|prod|org)_[A-Za-z0-9_]{8,}",
        apart=False,
    ),
    _shape("stripe-secret", "whsec_", rf"whsec_{_B}{{16,}}", apart=False),
    _shape("square-token", "sq0atp- sq0csp- sq0idp- eaaa", rf"(?:sq0(?:atp|csp)-{_U}{{20,}}|EAAA[A-Za-z0-9_-]{{56,}})"),
    _shape("shopify-token", "shpat_ shpca_ shppa_ shpss_ shptka_", rf"shp(?:at|ca|pa|ss|tka)_{_W}{{24,}}", apart=False),
    _shape("paypal-token", "access_token$", r"access_token\$(?:production|sandbox)\$[a-z0-9]{8,}\$[a-z0-9]{20,}"),
    _shape(
        "plaid-token",
        "access-sandbox- access-production- access-development-",
        r"access-(?:sandbox|production|development)-[0-9a-f-]{36}",
    ),
    _shape("easypost-key", "ezak ezxx eztk", rf"EZ[AT]K{_W}{{40,}}"),
    _shape("flutterwave-key", "flwseck", r"FLWSECK[A-Za-z0-9_-]{16,}"),
    # Chat and mail.
    _shape(
        "slack-token",
        "xoxa- xoxb- xoxc- xoxe- xoxe. xoxo- xoxp- xoxr- xoxs- xapp-",
        r"(?:xox[a-ce-z]|xapp)[-.][A-Za-z0-9._-]{10,}",
        apart=False,
    ),
    _shape("slack-token", "xoxd-", r"xoxd-[A-Za-z0-9%/+=._-]{10,}", apart=False),
    _shape(
        "slack-webhook",
        "hooks.slack.com/",
        r"hooks\.slack\.com/(?:services|workflows|triggers)/"
        r"(?P<secret>T[A-Z0-9]+/B[A-Z0-9]+/[A-Za-z0-9]{16,}|[A-Za-z0-9+/_-]{20,})",
        apart=False,
    ),
    _shape(
        "slack-webhook",
        "/services/t",
        r"/services/(?P<secret>T[A-Z0-9]{6,}/B[A-Z0-9]{6,}/[A-Za-z0-9]{16,})",
        apart=False,
    ),
    _shape("discord-webhook", "/api/webhooks/", rf"/api/webhooks/(?P<secret>\d{{8,}}/{_U}{{40,}})", apart=False),
    _shape(
        "teams-webhook",
        ".webhook.office.com/",
        r"\.webhook\.office\.com/webhookb2/(?P<secret>[A-Za-z0-9@/-]{40,})",
        apart=False,
    ),
    _shape("sendgrid-key", "sg.", rf"SG\.{_U}{{12,}}\.{_U}{{20,}}"),
    _shape("mailgun-key", "key-", rf"key-{_W}{{32}}{_END}", check=_tail_mixed),
    _shape("mailchimp-key", "-us", r"[0-9a-f]{32}-us\d{1,2}(?![A-Za-z0-9])", back=(32,)),
    _shape("brevo-key", "xkeysib- xsmtpsib-", rf"x(?:key|smtp)sib-{_U}{{40,}}", apart=False),
    _shape("twilio-key", "sk0 sk1 sk2 sk3 sk4 sk5 sk6 sk7 sk8 sk9 ska skb skc skd ske skf", rf"SK[0-9a-f]{{32}}{_END}"),
    _shape("sonar-token", "sqp_ squ_ sqa_", r"sq[pua]_[0-9a-f]{32,}"),
    _shape("postman-key", "pmak-", rf"PMAK-{_U}{{30,}}", apart=False),
    # Models.
    _shape("anthropic-key", "sk-ant-", rf"sk-ant-{_U}{{16,}}", apart=False),
    _shape(
        "openai-key",
        "sk-proj- sk-svcacct- sk-admin- sk-none- sk-or-v1-",
        r"sk-(?:proj|svcacct|admin|None|or-v1)-[A-Za-z0-9_-]{40,}",
        apart=False,
        check=_tail_mixed,
    ),
    _shape("openai-key", "t3blbkfj", rf"sk-{_W}{{20}}T3BlbkFJ{_W}{{20}}", apart=False, back=(23,)),
    _shape(
        "openai-key",
        "sk-",
        r"sk-(?!ant-|(?:proj|svcacct|admin|None|or-v1)-[A-Za-z0-9_-]{40})[A-Za-z0-9_-]{16,}",
        check=_tail_mixed,
    ),
    _shape("huggingface-token", "hf_ api_org_", rf"(?:hf|api_org)_{_W}{{24,}}", apart=False, check=_tail_mixed),
    _shape("groq-key", "gsk_", rf"gsk_{_W}{{24,}}", apart=False, check=_tail_mixed),
    _shape("xai-key", "xai-", rf"xai-{_W}{{40,}}", apart=False, check=_tail_mixed),
    _shape("replicate-token", "r8_", rf"r8_{_W}{{30,}}"),
    _shape("perplexity-key", "pplx-", rf"pplx-{_W}{{32,}}", apart=False, check=_tail_mixed),
    _shape("tavily-key", "tvly-", rf"tvly-{_U}{{24,}}", apart=False, check=_tail_mixed),
    # Infrastructure.
    _shape("vault-token", "hvs. hvb. hvr.", rf"hv[sbr]\.{_U}{{16,}}"),
    _shape("terraform-token", ".atlasv1.", rf"{_W}{{14}}\.atlasv1\.{_U}{{40,}}", apart=False, back=(14,)),
    _shape("pulumi-token", "pul-", r"pul-[0-9a-f]{32,}"),
    _shape("databricks-token", "dapi dkea dose", r"(?:dapi|dkea|dose)[0-9a-f]{32}(?:-\d+)?(?![A-Za-z0-9])"),
    _shape("grafana-token", "glsa_ glc_", rf"gl(?:sa|c)_{_B}{{32,}}", apart=False),
    _shape(
        "doppler-token",
        "dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.",
        r"dp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9_.-]{30,}",
    ),
    _shape("planetscale-token", "pscale_", rf"pscale_(?:tkn|pw|oauth)_(?:[A-Za-z0-9_.-]|{_PAD}){{28,}}", apart=False),
    _shape("supabase-key", "sbp_ sb_secret_", rf"sb(?:p|_secret)_{_U}{{24,}}", apart=False),
    _shape("sentry-token", "sntrys_ sntryu_", rf"sntry[su]_{_B}{{32,}}", apart=False),
    _shape("newrelic-key", "nrak- nrii- nrjs- nrra-", r"NR(?:AK|II|JS|RA)-[A-Za-z0-9_-]{16,}"),
    _shape("newrelic-key", "nral", r"[0-9a-f]{36}(?:[0-9A-Fa-f]{0,4})NRAL(?![A-Za-z0-9])", apart=False, back=(36, 40)),
    _shape("dynatrace-token", "dt0", rf"dt0[a-z]\d\d\.{_W}{{24}}\.{_W}{{64}}"),
    _shape("posthog-key", "phx_ phc_", rf"ph[xc]_{_W}{{32,}}", apart=False, check=_tail_mixed),
    _shape("linear-key", "lin_api_ lin_oauth_", rf"lin_(?:api|oauth)_{_W}{{32,}}", apart=False),
    _shape("notion-token", "secret_ ntn_", rf"(?:secret|ntn)_{_W}{{40,}}"),
    _shape("figma-token", "figd_ figu_", rf"fig[du]_{_U}{{32,}}", apart=False, check=_tail_mixed),
    _shape("typeform-token", "tfp_", rf"tfp_{_U}{{40,}}", apart=False, check=_tail_mixed),
    _shape("netlify-token", "nfp_ nfc_ nfo_ nfu_", rf"nf[pcou]_{_W}{{30,}}", apart=False, check=_tail_mixed),
    _shape("vercel-token", "vcp_ vci_ vca_ vck_", rf"vc[piak]_{_W}{{24,}}"),
    _shape("contentful-token", "cfpat-", rf"CFPAT-{_U}{{32,}}"),
    _shape(
        "onepassword-token",
        "ops_eyj a3-",
        rf"(?:ops_eyJ{_B}{{100,}}|A3-[A-Z0-9]{{6}}-[A-Z0-9]{{6,11}}(?:-[A-Z0-9]{{5}}){{3,5}})",
    ),
    _shape("openshift-token", "sha256~", rf"sha256~{_U}{{32,}}", apart=False),
    _shape(
        "nkey",
        "suaa suab suac suad suae suaf suag suah suai suaj suak sual suam suan suao suap",
        r"SU[A-Z2-7]{56}(?![A-Za-z0-9])",
    ),
    _shape("telegram-token", ":aa", rf"(?<!\d)\d{{8,10}}:AA{_U}{{30,40}}", apart=False, back=(8, 9, 10)),
    _shape("facebook-token", "eaac eaab eaag", rf"EAA[A-Z]{_W}{{60,}}"),
    _shape("twitter-token", "aaaaaaaaaaaaaaaaaaaa", r"A{20,24}[A-Za-z0-9%+/=]{40,}"),
)

BEGINNINGS: Mapping[str, tuple[Shape, ...]] = {
    beginning: tuple(shape for shape in SHAPES if beginning in shape.beginnings)
    for beginning in sorted({beginning for shape in SHAPES for beginning in shape.beginnings})
}
"""What stands in lower case where one of these shapes may be."""

# The secret that goes with an AWS key id, in the same breath: `AKIA…:…`, `AKIA… …`, two columns, two lines.
_AWS_SECRET = re.compile(
    r"""["']?[\s:,;|&"']{1,6}(?:[\w.-]{1,40}["']?\s{0,4}[=:]\s{0,4}["']?)?(?P<secret>[A-Za-z0-9+/=_.~-]{20,128})"""
)


def find_partner(text: str, shaped: Shaped) -> Shaped | None:
    """The secret that follows a key id, if one does."""
    found = _AWS_SECRET.match(text, shaped.end) if shaped.role == "aws-key-id" else None
    if found is None or not (len(found["secret"]) == 40 or _mixed(found["secret"])) or is_wordlike(found["secret"]):
        return None
    return Shaped(*found.span("secret"), "aws-secret-key")


BLOCK = "-----begin "
"""What stands in lower case where a block of PEM or OpenPGP begins."""

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,64})-----")
# Up to the next line of five hyphens that says END or BEGIN: no block reaches into the one behind it.
_BLOCK_REST = re.compile(r"(?:[A-Za-z0-9+/=:,. \t\r\n]++|-(?!----(?:END|BEGIN) )|\\[nrt/])*+")
_BLOCK_END = re.compile(r"-----END [A-Z0-9 ]{1,64}-----")
_SECRET_BLOCK = re.compile(r".*PRIVATE KEY(?: BLOCK)?|OpenVPN Static key V1|PGP MESSAGE", re.IGNORECASE)


def find_block(text: str, at: int) -> tuple[Shaped, bool] | None:
    """The block that begins at a place, and whether it is a secret: certificates and public keys are none."""
    begin = _BLOCK.match(text, at)
    if begin is None:
        return None
    rest = _BLOCK_REST.match(text, begin.end())
    last = rest.end() if rest else begin.end()
    end = _BLOCK_END.match(text, last)
    return Shaped(at, end.end() if end else last, "private-key"), bool(_SECRET_BLOCK.fullmatch(begin[1]))


PUTTY = "putty-user-key-file-"
"""What stands in lower case where a key of PuTTY begins."""

_PUTTY = re.compile(
    r"PuTTY-User-Key-File-\d: (?:[^\n\\P]|\n|\\[rn]|P(?!rivate-MAC)){0,20000}+(?:Private-MAC: [0-9a-f]{16,})?"
)


def find_putty(text: str, at: int) -> Shaped | None:
    """The key of PuTTY that begins at a place."""
    found = _PUTTY.match(text, at)
    return Shaped(*found.span(), "private-key") if found else None

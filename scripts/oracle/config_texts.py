"""The configs of config_cases.py, by topic. Every row is (group, text, path); in the group "interpolation" the text is the
value of the key v in TARGETS."""

PLAIN_SCALARS = """
~ null Null NULL nULL none None
true True TRUE tRUE false False FALSE yes Yes YES no No NO on On ON off Off OFF y Y n N yEs
0 1 -1 +1 12 007 08 09 010 0_7 0_ 00 -0 +0 1_000 1__000 1_ _1 0x1F 0xff -0x10 0x 0x_ 0X1F 0b101 -0b11 0b_ 0b2 0o17 0O17 017 -017
1:30 190:20:30 -1:30 1:60 1:5:07 0:30 01:30 1:30.5 -1:30.25 1:30. 1:2:3.5 0:0.5 1:75 1:30:
9223372036854775807 9223372036854775808 -9223372036854775808 -9223372036854775809 123456789012345678901234567890
0x7fffffffffffffff 0x8000000000000000 0777777777777777777777 9999999999999999:59
1.0 1. .5 -.5 +.5 .5e3 .5e+3 .5e-3 1e3 1e-4 1E5 1e+5 -1e-4 1.5e3 1.5e-3 1_0.5 1_0e5 1__0.5 1__0e5 1_.5 1_e5 1._5 1.5_5 1.5e1_0
1e 1e- e5 1.2.3 . .. ... .e5 ._5 .5_ .5_5 .5_5e+2 1e400 -1e400 1e-400 4.9e-324 1.7976931348623157e308 0.1 3.0 100000000000000000000.0
.inf .Inf .INF -.inf +.inf .iNf inf Infinity .nan .NaN .NAN -.nan nan NaN
2001-01-01 2001-12-14t21:59:43.10-05:00 2001-1-1 12:30:45
= << abc a-b a_b a.b a/b //pretrained/facebook/encodec 32khz 1d -- - +- -a ?a :a a:b http://x.y/z ??? ???? ?? #c a#b
@x `x` %x !x &x *x x! x& x* x% x@ >x |x ~x ~~ x~ 'x' "x" 'it''s' "a\\nb" "\\u00e9" "\\x41" 'a\\nb' é ☃ 1é
0.1e1 1e0 1e00 1e-07 0e0 0.0 -0.0 00.5 01e3 01.5 0x1.8p3 1,000 1e5j True1 nulls no1 0xg 0b102 089 0.0.0 +1.5 +1e5 ++1 +-1 +
""".split()

TAGGED = """
!!str 12|!!str true|!!str ~|!!str|!!str '12'|!!str 1e-4|!!int 12|!!int '12'|!!int "0x1f"|!!int 0o17|!!int 1:30|!!int abc|!!int 1.5|!!int ''
!!int -5|!!int +5|!!int 1_0|!!int 0b11|!!int 08|!!int null|!!int ' 7'|!!int 0o|!!int 0X1F|!!int --5
!!float 1|!!float '1.5'|!!float 1e5|!!float .inf|!!float -.inf|!!float .nan|!!float abc|!!float ''|!!float 1_0|!!float inf|!!float 1:30|!!float nan
!!bool yes|!!bool 'True'|!!bool TRUE|!!bool tRuE|!!bool maybe|!!bool 1|!!bool ''|!!null x|!!null ''|!!null ~|!!null '~'
!!seq [1, 2]|!!map {a: 1}|!!seq {a: 1}|!!map [1]|!!str [1]|!!str {a: 1}|!!int [1]|!!seq x|!!map x
!foo x|!foo [1]|!!foo x|!!set {a, b}|!!timestamp 2001-01-01|!!python/name:os.system ''|!!python/object/apply:os.system [ls]|!!python/tuple [1, 2]
!<tag:yaml.org,2002:int> 12|!<tag:yaml.org,2002:str> 12|!!merge x|!!value x
""".replace("\n", "|").split("|")

# Interpolations into one fixed config, by the text of the value.
TARGETS = """a: {b: 1, t: text, f: 0.5, n: null, yes: true, e: '', 'x.y': dotted, m: '???', 1: one, deep: {c: [10, 20, {d: 30}]}}
l: [5, 6.5, seven, null, [1, 2]]
s: a
k: b
key: a.b
big: 1e20
small: 1e-5
q: "it's"
dq: 'say "hi" it''s'
env_name: HARNESS_SET
chain: ${chain2}
chain2: ${a.b}
sub: ${a.deep}
decoded: "${oc.decode:'[1, {x: 2}]'}"
keys: ${oc.dict.keys:a.deep}
v: VALUE
"""
INTERPOLATIONS = r"""
${a.b}|${a.t}|${a.f}|${a.n}|${a.yes}|${a.e}|${a}|${a.deep}|${a.deep.c}|${a.deep.c.2.d}|${a.deep.c[2].d}|${a.deep.c[2][d]}|${a[b]}|${[a][b]}|${[a].b}
${l}|${l.0}|${l[0]}|${l[1]}|${l[2]}|${l[3]}|${l[4][1]}|${l.4.0}|${l[-1]}|${l[9]}|${l.x}|${l[0].x}|${l[00]}|${l[+1]}|${l[1_0]}
${a.missing}|${missing}|${missing.b}|${a.b.c}|${a.n.c}|${a.t.c}|${a.m}|${a.m.c}|${a.1}|${a[1]}|${a[x.y]}|${a.x.y}|${sub.c[0]}|${chain}|${chain2}|${chain.x}
${.a.b}|${.s}|${..a}|${...a}|${.v}|${v}|${v.x}|${.missing}|${[.a]}|${.[a].b}
${${s}.b}|${a.${k}}|${${key}}|${${s}.${k}}|${a[${k}]}|${${l}}|${${a.b}}|${${a.e}}|${a.${a.n}}|${x${s}}|${${s}x}|${a.${missing}}
pre_${a.b}_post|${a.b}${a.t}|${a.b} |" ${a.b}"|${a.f}x|x${a.n}|x${a.yes}|x${l}|x${a.deep}|x${big}|x${small}|x${a.e}|x${q}|x${dq}|x${sub}|x${decoded}|x${keys}|x${chain}
\${a.b}|\\${a.b}|\\\${a.b}|\\\\${a.b}|\\\\\${a.b}|x\${a.b}|\${a.b}${a.t}|${a.t}\${a.b}|$${a.b}|$$\${a.b}|${a.b}\\|\\a${a.b}|a\b${a.b}|$a|$|${|${}|${ }|${a|${a.b|a.b}|${a}}|{${a.b}}
${ a.b }|${a. b}|${a .b}|${a b}|${a..b}|${a.b.}|${a.}|${.}|${..}|${[]}|${a[]}|${a[b}|${a]}|${a:b|${'a'}|${"a"}|${a.'b'}|${a-b}|${a$b}|${$}|${a\b}|${1}|${é}
${oc.env:HARNESS_SET}|${oc.env:HARNESS_EMPTY}|${oc.env:HARNESS_TEXT}|${oc.env:HARNESS_UNSET}|${oc.env:HARNESS_UNSET,default}|${oc.env:HARNESS_UNSET,null}|${oc.env:HARNESS_UNSET,NULL}
${oc.env:HARNESS_UNSET,12}|${oc.env:HARNESS_UNSET,1e-3}|${oc.env:HARNESS_UNSET,true}|${oc.env:HARNESS_UNSET,''}|${oc.env:HARNESS_UNSET,}|${oc.env:HARNESS_UNSET,'a b'}|${oc.env:HARNESS_UNSET,a b}
${oc.env:HARNESS_UNSET,[1, x, null, 'q', 1.5]}|${oc.env:HARNESS_UNSET,{a: 1}}|${oc.env:HARNESS_UNSET,${a.t}}|${oc.env:HARNESS_UNSET,${a.n}}|${oc.env:HARNESS_UNSET,${l}}|${oc.env:HARNESS_UNSET,${a.missing}}
${oc.env:HARNESS_SET,${a.missing}}|${oc.env:HARNESS_SET,1,2}|${oc.env:}|${oc.env:12}|${oc.env:null}|${oc.env: HARNESS_SET }|${oc.env:'HARNESS_SET'}|${oc.env:"HARNESS_SET"}|${oc.env:${env_name}}|x${oc.env:HARNESS_SET}
${oc.env:HARNESS_UNSET,a:b}|${oc.env:HARNESS_UNSET,/data/x-y.z}|${oc.env:HARNESS_UNSET,a=b}|${oc.env:HARNESS_UNSET,a,b}|${oc.env:HARNESS_UNSET,"it's"}|${oc.env:HARNESS_UNSET,'it\'s'}|${oc.env:HARNESS_UNSET,é}
${oc.env:HARNESS_UNSET,-1}|${oc.env:HARNESS_UNSET,+1}|${oc.env:HARNESS_UNSET,007}|${oc.env:HARNESS_UNSET,1_000}|${oc.env:HARNESS_UNSET,1.}|${oc.env:HARNESS_UNSET,.5}|${oc.env:HARNESS_UNSET,inf}|${oc.env:HARNESS_UNSET,-nan}|${oc.env:HARNESS_UNSET,1e5x}
${oc.decode:${oc.env:HARNESS_SET}}|${oc.decode:${oc.env:HARNESS_EMPTY}}|${oc.decode:'1e-4'}|${oc.decode:'true'}|${oc.decode:'null'}|${oc.decode:null}|${oc.decode:'[1, 2]'}|${oc.decode:'{a: 1, b: [x]}'}|${oc.decode:'a b'}
${oc.decode:'${a.b}'}|${oc.decode:'\${a.b}'}|${oc.decode:'\${a.deep}'}|${oc.decode:'[\${a.b}, \${a.t}]'}|${oc.decode:'x\${a.b}'}|${oc.decode:12}|${oc.decode:true}|${oc.decode:'[1'}|${oc.decode:'}'}|${oc.decode:'a, b'}|${oc.decode:' 1'}|${oc.decode:' '}|${:x}|${oc.decode:'1 '}|${oc.decode:}
${oc.decode:'\'1\''}|${oc.decode:"'a'"}|${oc.decode:'{a: 1, a: 2}'}|${oc.decode:'{1: x, null: y, true: z}'}|${oc.decode:'[]'}|${oc.decode:'{}'}|${oc.decode:'[1,,2]'}|${oc.decode:'[,]'}|${oc.decode:'a\\,b'}|${oc.decode:'\\ x'}
${oc.select:a.b}|${oc.select:a.missing}|${oc.select:a.missing,7}|${oc.select:missing.x,d}|${oc.select:a.m,d}|${oc.select:a.m.x,d}|${oc.select:a.b.x,d}|${oc.select:a.n}|${oc.select:a.n.x,d}|${oc.select:l.0}|${oc.select:l[0]}|${oc.select:l[9],d}|${oc.select:l.x,d}
${oc.select:a.deep}|${oc.select:.s}|${oc.select:..s,d}|${oc.select:1}|${oc.select:null}|${oc.select:'a.b'}|${oc.select:${key}}|${oc.select:chain}|${oc.select:a.missing,${a.b}}|${oc.select:a.b,${a.missing}}|${oc.select:missing,[1,2]}|${oc.select:}|${oc.select:a,b,c}
${oc.dict.keys:a.deep}|${oc.dict.keys:a}|${oc.dict.values:a.deep}|${oc.dict.values:a}|${oc.dict.keys:l}|${oc.dict.keys:a.b}|${oc.dict.keys:missing}|${oc.dict.keys:a.m}|${oc.dict.keys:sub}|${oc.dict.values:sub}|${keys[0]}|${keys.0}|${keys[5]}|${decoded[0]}|${decoded}|${keys}
${oc.deprecated:a.b}|${oc.deprecated:a.b,'use a.b'}|${oc.deprecated:missing}|${oc.deprecated:a.deep}|${oc.deprecated:1}|${oc.deprecated:a.b,1}|${oc.deprecated:a.m}|${oc.deprecated:a.m.x}|${oc.deprecated:chain}
${nope:x}|${nope:}|${env:HARNESS_SET}|${oc.nope:1}|${hydra:runtime.cwd}|${now:%Y}|${oc:x}|${oc.env.x:y}|${${s}:x}|${oc.${a.t}:x}|${oc.${missing}:x}|${nope:${a.missing}}|${a.1:x}|${.oc.env:x}|${[oc].env:x}
${oc.env:HARNESS_UNSET,[1,[2,{a: b}]]}|${oc.env:HARNESS_UNSET,[1 , 2 ]}|${oc.env:HARNESS_UNSET,{a : 1 , b: 2}}|${oc.env:HARNESS_UNSET,a${a.b}c}|${oc.env:HARNESS_UNSET,'a${a.b}c'}|${oc.env:HARNESS_UNSET,"\"x\""}|${oc.env:HARNESS_UNSET,'a\\'}|${oc.env:HARNESS_UNSET,a\,b}
${oc.env:HARNESS_UNSET,x'y'}|${oc.env:HARNESS_UNSET,'x'y}|${oc.env:HARNESS_UNSET,(x)}|${oc.env:HARNESS_UNSET,{'a': 1}}|${oc.env:HARNESS_UNSET,{a}}|${oc.env:HARNESS_UNSET,[}|${oc.env:HARNESS_UNSET,]}|${oc.env:HARNESS_UNSET,~}|${oc.env:HARNESS_UNSET,a?b*c@d$e%f|g}
""".strip().replace("\n", "|")

DOCUMENTS = [
    ("", ""), ("   ", ""), ("\n\n", ""), ("# only\n", ""), ("null", ""), ("~", ""), ("foo", ""), ("foo bar", ""), ("12", ""), ("true", ""),
    ("[1, 2]", ""), ("- 1\n- 2", ""), ("{}", ""), ("[]", ""), ("'12'", ""), ("---\na: 1\n", ""), ("a: 1\n...\n", ""), ("--- {a: 1}\n", ""),
    ("a: 1\n---\nb: 2\n", ""), ("a: 1\n---\n", ""), ("---\n---\na: 1\n", ""), ("%YAML 1.1\n---\na: 1\n", ""),
    ("# c\n%YAML 1.1\n---\na: 1\n", ""), ("\n%YAML 1.1\n---\na: 1\n", ""), ("\r\n%YAML 1.1\r\n---\r\na: 1\r\n", ""),
    ("a: 1\n...\nb: 2\n", ""),
    ("a: 'x", ""), ('a: "x', ""), ("a: [1", ""), ("a: {b: 1", ""), ("a: [1}}", ""), ("a: b: c", ""), ("a\nb: 1", ""), ("a: 1\n  b: 2", ""),
    ("a:\n  b: 1\n c: 2", ""), ("\ta: 1", ""), ("a:\n\tb: 1", ""), ("a: \x00", ""), ("a: \x07b", ""), ("a: \x7f", ""), ("\ufeffa: 1", ""),
    ("a: *x", ""), ("a: &x 1\nb: &x 2", ""), ("a: &x [*x]", ""), ("a: @x", ""), ("a: `x`", ""), ("a: %x", ""), ("a: |\n  x\n  y\n", ""),
    ("a: |-\n  x\n  y\n", ""), ("a: |+\n  x\n\n", ""), ("a: >\n  x\n  y\n\n  z\n", ""), ("a: >-\n  12\n", ""), ("a: |2\n   x\n", ""),
    ("a: x\n  y\n  z\n", ""), ("a: 'x\n  y'\n", ""), ('a: "x\\\n  y"\n', ""), ('a: "x\n\n  y"\n', ""), ("a: x # c\n", ""), ("a: x#c\n", ""),
    ("a: 'x' # c\n", ""), ("a: 1\r\nb: 2\r\n", ""), ("? a\n: 1\n", ""), ("? a\n? b\n", ""), ("{a, b: 1}", ""), ("{a: 1, }", ""), ("[1, ]", ""),
    ("a: [x, y: 1]", ""), ("a: {x: [1, {y: 2}], z: }", ""), ("a:\n- 1\n- 2\n", ""), ("a:\n  - b: 1\n    c: 2\n  - [3]\n", ""),
    ("a: - b", ""), ("a: [1, [2, [3, [4]]]]", ""), ("a: !!str", ""), ("a: &x\nb: *x", ""), ("a: ! 12", ""), ("a: ! '12'", ""),
    ("a: {b: ${c}}\nc: 1", ""), ("a: {b: '${c}'}\nc: 1", ""), ("a: ['${c}', 2]\nc: 1", ""), ("a:\n  b:${c}\n", ""), ("a: [a:b, c: d]", ""),
    ("a: http://x:80/y?z#w\n", ""), ("a: {x:1}\n", ""), ("a: {'x':1}\n", ""), ("a: x: y\n", ""), ("'a: b': 1", ""), ("a:1", ""), ("a: 1 2", ""),
    ("a: 'x''y'", ""), ('a: "\\q"', ""), ("a: '\\q'", ""), ('a: "\\x4"', ""), ("a: '???'", "a"), ("a: ???", "a"), ("a: {b: ???}", "a"), ("a: ???", ""),
    ("a: {b: ???}", "a.b"), ("a: {b: ???}", "a.b.c"), ("a: 1", "b"), ("a: 1", "a.b"), ("a: null", "a.b"), ("a: x", "a.b"), ("a: [1]", "a.0"),
    ("a: [1]", "a.1"), ("a: [[1, 2]]", "a[0][1]"), ("a: {'b.c': 1}", "a[b.c]"), ("a: {'b.c': 1}", "a.b.c"), ("a: {'': 1}", ""), ("a: {b: {c: 1}}", "a.b.c"),
]

KEYS = [
    "1: a", "1: a\n1: b", "1: a\n'1': b", "1: a\ntrue: b\n1.0: c", "true: a", "yes: a\nno: b", "1.5: a", "~: a", "null: a", ": a", "'': a", "a: 1\na: 2",
    "a: 1\n'a': 2", "a: 1\n\"a\": 2", "a: 1\n!!str a: 2", "{a: 1, a: 2}", "b: {a: 1, a: 2}", "b: [{a: 1, a: 2}]", "1e3: a\n1000: b", "0x10: a\n16: b",
    "[1]: a", "{a: 1}: b", "? [a]\n: 1", "=: 1", "<<: 1", "'<<': 1", "on: push", "a b: 1", "a.b: 1", "2001-01-01: x", "-1: a", "!!int '3': x", "!!int x: y",
    "!foo a: 1", "0b_: x", "a: {1: x, 2: y}\nb: ${oc.dict.keys:a}", ".nan: 1", "a: 1\nA: 2", "é: 1\né: 2", "? |\n  a\n: 1", "device: cuda",
]

MERGES = [
    "b: &b {x: 1, y: 2}\na: {<<: *b, z: 3}", "b: &b {x: 1, y: 2}\na: {<<: *b, x: 3}", "b: &b {x: 1, y: 2}\na: {x: 3, <<: *b}", "b: &b {x: 1}\na: {<<: [*b], y: 2}",
    "b: &b {xx: 1}\nc: &c {xx: 2, yy: 3}\na: {<<: [*b, *c]}", "b: &b {x: 1}\nc: &c {x: 2, y: 3}\na: {<<: [*b, *c]}", "b: &b {xx: 1}\nc: &c {xx: 2}\na: {<<: *b, <<: *c}",
    "b: &b {p: 1}\nc: &c {<<: *b, q: 2}\na: {<<: *c, r: 3}", "a: {<<: {x: 1}, y: 2}", "a: {<<: [], y: 2}", "a: {<<: 1}", "a: {<<: [1]}", "a: {<<: x}", "a: {<<: ~}",
    "a: {'<<': 1}", "a: {<<: {x: 1}, x: 2, x: 3}", "a: {<<: {x: 1, x: 2}}", "a: <<", "a: [<<]", "b: &b [1]\na: {<<: *b}", "b: &b {x: '${.y}', y: 1}\na: {<<: *b, y: 2}",
    "b: &b {1: x}\na: {<<: *b, 1: y}", "a: &a {x: 1}\nb: *a\nc: *a", "a: &a [1, 2]\nb: [*a, *a]", "a: &a x\n*a : 1", "a: &a {x: '${.y}', y: 1}\nb: {c: *a}", "a: &a 12\nb: *a",
    "a: &a '12'\nb: *a", "a: &a !!str 12\nb: *a", "a: &a {b: &c 1}\nd: *c", "b: &b {x: 1}\n<<: *b\na: 2", "a: &a\n  x: 1\nb:\n  <<: *a\n  y: {<<: *a, z: 1}",
]

RELATIVE = [
    ("a: 5\nb: {c: '${..a}', d: '${.c}', e: '${a}'}", "b"), ("a: 5\nb: {c: {d: '${...a}'}}", ""), ("a: 5\nb: [1, '${..a}', '${.0}']", ""), ("a: 5\nb: {c: '${...a}'}", "b.c"),
    ("b: {c: {d: '${..e}'}, e: 1}", ""), ("b: {c: ['${..e}', '${.2}', 7], e: 1}", ""), ("b: {c: ['${...e}'], e: 1}\ne: 2", ""), ("x: {y: '${.z}', z: 1}\nw: {y: '${x.y}', z: 2}", "w"),
    ("x: {y: '${.z}', z: 1}\nw: {z: 2, y: '${x}'}", "w"), ("a: {b: '${.c}', c: {d: '${..e}'}, e: 9}", "a.b"), ("a: ${b}\nb: {c: '${.d}', d: 4}", "a.c"), ("a: ${b.c}\nb: ${e}\ne: {c: 8}", "a"),
    ("a: '${.b}'\nb: '${.c}'\nc: 3", "a"), ("a: {b: '${.}'}", ""), ("a: {b: ['${..c}', {d: '${...c}'}], c: 1}", "a"), ("a: {b: ['${...c}']}\nc: 4", "a"),
    ("a: ${b}\nb: ${a}", "a"), ("a: ${b}\nb: ${a}", ""), ("a: ${a}", "a"), ("a: x${a}", "a"), ("a: {b: '${a}'}", "a"), ("a: {b: '${a}'}", "a.b"), ("a: {b: '${a.b}'}", "a.b"), ("a: {b: '${a.b.c}'}", "a.b"),
    ("a: {x: '${b}'}\nb: {x: '${a}'}", "a.x"), ("a: {x: '${b}'}\nb: {x: '${a}'}", "a"), ("a: {x: '${b.y}', z: 1}\nb: {y: '${a.z}'}", ""), ("a: {b: '${..a}'}", "a.b"), ("a: ['${a}']", "a"),
    ("a: ['${a[1]}', '${a[0]}']", "a"), ("a: ${b}\nb: ???", "a"), ("a: ${b}\nb: ???", ""), ("a: x${b}\nb: ???", "a"), ("a: {b: '${c}'}\nc: {d: ???}", "a"), ("a: ${c.d}\nc: {d: ???}", "a"),
    ("a: ${b.c}\nb: ???", "a"), ("bad: ${nope}\na: 1", "a"), ("bad: ${nope}\na: 1", ""), ("bad: {x: '${oc.env:HARNESS_UNSET}', y: 2}", "bad.y"), ("bad: {x: '${oc.env:HARNESS_UNSET}', y: 2}", "bad"),
    ("a: '${oc.env:HARNESS_SET}'", "a"), ("a: {b: {c: '${x}'}}\nx: {y: {z: '${w}'}}\nw: end", "a"), ("a: ${b}\nb: [1, '${c}']\nc: 2", "a[1]"), ("a: ${b}\nb: [1, '${c}']\nc: 2", "a"),
    ("${a}: 1\na: k", ""), ("a: {'${k}': 1}\nk: z", ""), ("a: ${b\nc: 1", "c"), ("a: \"${b} ${c}\"\nb: 1\nc: 2", "a"), ("a: |\n  ${b}\nb: 1", "a"), ("a: >-\n  ${b}\nb: 1", "a"),
    ("a: {b: ${c}, d: 1}\nc: 1", ""), ("a: ${oc.dict.values:b}\nb: {x: '${c}', y: {z: '${..w}'}, w: 5}\nc: 1", "a"), ("b: {x: 1, y: '${oc.dict.values:b}'}", "b"), ("b: {x: 1, y: '${oc.dict.keys:b}'}", "b"),
    ("b: {x: 1, y: '${oc.dict.keys:.}'}", "b"), ("b: {c: '${oc.select:.d,7}', d: 1, e: '${oc.select:..f}'}\nf: 2", "b"), ("a: ${oc.select:''}", "a"), ("a: '${oc.decode:${b}}'\nb: '${c}'\nc: '[1,2]'", "a"),
    ("e: ???\na: ${oc.decode:${e}}", "a"), ("a: ${b.c}\nb: ${oc.decode:'{c: 1}'}", "a"), ("b: ${oc.decode:'{c: 1}'}", "b.c"), ("b: ${oc.decode:'[1,[2]]'}", "b[1][0]"),
]


def rows():
    for scalar in dict.fromkeys(PLAIN_SCALARS):
        yield "scalar", f"a: {scalar}", ""
    for tagged in dict.fromkeys(filter(None, TAGGED)):
        yield "tag", f"a: {tagged}", ""
    for text in dict.fromkeys(INTERPOLATIONS.split("|")):
        # Plain where YAML allows it, so that the text is exactly what stands here.
        value = text if text.startswith('"') else "'" + text.replace("'", "''") + "'"
        yield "interpolation", value, "v"
    for text, path in DOCUMENTS:
        yield "document", text, path
    for text in KEYS:
        yield "key", text, ""
    for text in MERGES:
        yield "merge", text, ""
    for text, path in RELATIVE:
        yield "relative", text, path

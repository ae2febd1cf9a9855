// The style sheet of report.html, inlined into it.
#pragma once

namespace harness::report {

inline constexpr const char* kHtmlStyle = R"css(
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --ink: #1b1f24; --soft: #5b6470; --line: #dfe3e8; --code: #f1f3f6;
  --pass: #1a7f4b; --fail: #c62f3b; --wait: #9a6700; --skip: #5b6470;
  --pass-tint: #e5f5ec; --fail-tint: #fdecee; --wait-tint: #fdf4dc; --skip-tint: #eceff3;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #101318; --card: #181c23; --ink: #e4e8ee; --soft: #98a2b0; --line: #2b313b; --code: #212731;
    --pass: #4fce8b; --fail: #ff7b84; --wait: #e5b54a; --skip: #98a2b0;
    --pass-tint: #142d21; --fail-tint: #371a1e; --wait-tint: #332a12; --skip-tint: #232932;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { font-size: 22px; line-height: 1.3; margin: 0; overflow-wrap: anywhere; font-weight: 600; }
h2 { font-size: 17px; margin: 36px 0 12px; font-weight: 600; }
h3 { font: 600 14px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; margin: 0; overflow-wrap: anywhere; }
p { margin: 6px 0; }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: 13px; }
code { overflow-wrap: anywhere; }
pre { margin: 10px 0 0; white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.5; }
.soft { color: var(--soft); }
.verdict { background: var(--card); border: 1px solid var(--line); border-left: 6px solid var(--tone);
  border-radius: 10px; padding: 20px 24px; }
.verdict .word { color: var(--tone); font-weight: 700; letter-spacing: .06em; font-size: 14px;
  text-transform: uppercase; }
.pass { --tone: var(--pass); --tint: var(--pass-tint); } .fail { --tone: var(--fail); --tint: var(--fail-tint); }
.blocked, .unsupported, .incomplete { --tone: var(--wait); --tint: var(--wait-tint); }
.skip { --tone: var(--skip); --tint: var(--skip-tint); }
.badge { display: inline-block; min-width: 26px; padding: 0 9px; border-radius: 999px; background: var(--tint);
  color: var(--tone); font-weight: 600; font-size: 13px; line-height: 22px; text-align: center; white-space: nowrap; }
.none { color: var(--soft); opacity: .55; }
.card > table.values:first-child { margin-top: 0; }
.card > p:first-child { margin-top: 0; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 16px 20px;
  margin: 0 0 12px; }
.card.fail { border-left: 4px solid var(--tone); }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: 9px 16px; text-align: left; vertical-align: top; border-top: 1px solid var(--line); }
thead th { border-top: 0; }
thead th { color: var(--soft); font-weight: 500; font-size: 13px; }
tbody th { font-weight: 500; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
table.values { width: auto; margin-top: 12px; font-size: 13px; }
table.values th, table.values td { padding: 3px 20px 3px 0; border: 0; font-weight: 400; overflow-wrap: anywhere; }
table.values thead th, table.values tbody th { color: var(--soft); overflow-wrap: normal; white-space: nowrap; }
details { background: var(--card); border: 1px solid var(--line); border-radius: 10px; margin: 0 0 8px; }
summary { cursor: pointer; padding: 11px 16px; white-space: pre-line; }
summary .badge { margin-left: 6px; }
details > ul { margin: 0; padding: 0 16px 12px; list-style: none; }
details li { padding: 8px 0; border-top: 1px solid var(--line); }
article details { margin: 10px 0 0; }
.said { white-space: pre-wrap; overflow-wrap: anywhere; }
.verdict article { margin: 14px 0 0; box-shadow: none; }
svg.wave { display: block; width: 100%; height: 72px; margin-top: 10px; fill: var(--pass); background: var(--code);
  border-radius: 6px; }
@media (max-width: 600px) { main { padding: 16px 10px 40px; } .verdict, .card { padding: 14px; } }
@media print { body { background: #fff; } audio { display: none; } .card, .verdict, details { break-inside: avoid; } }
audio { width: 100%; margin-top: 10px; }
ul.plain { margin: 0; padding-left: 20px; }
)css";

}  // namespace harness::report

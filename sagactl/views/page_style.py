"""The style of pages: one text, in which nothing comes from outside and nothing is fetched.

Light and dark follow the reader's own choice. A story is a drawer that is there while the address
ends in its name, so that no script is needed to open it, and a link to it can be sent to others.
"""

PAGE_STYLE = """
:root {
  color-scheme: light dark;
  --ground: #f6f8fa; --card: #ffffff; --text: #1f2328; --quiet: #59636e; --line: #d1d9e0;
  --accent: #0969da; --shade: rgba(31, 35, 40, .12);
  --sound: #dafbe1; --sound-text: #116329; --sound-line: #aceebb;
  --stuck: #fff1b8; --stuck-text: #6f4400; --stuck-line: #e5c65a;
  --hole: #cf222e; --hole-text: #ffffff; --hole-line: #a40e26; --hole-word: #b01c27;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0d1117; --card: #151b23; --text: #e6edf3; --quiet: #9198a1; --line: #2f3742;
    --accent: #4493f8; --shade: rgba(1, 4, 9, .7);
    --sound: #12301d; --sound-text: #6fdd8b; --sound-line: #1f5230;
    --stuck: #3b2d07; --stuck-text: #eac54f; --stuck-line: #6b5310;
    --hole: #d1302c; --hole-text: #ffffff; --hole-line: #f85149; --hole-word: #ff8a80;
  }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body {
  margin: 0; background: var(--ground); color: var(--text);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
main { max-width: 68rem; margin: 0 auto; padding: 2.5rem 1.5rem 4rem; }
code, .path, .matrix th[scope=row], .arrows {
  font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
code { font-size: .88em; }
h1 { font-size: 1.65rem; line-height: 1.25; margin: 0 0 .25rem; letter-spacing: -.01em; }
h2 { font-size: 1.25rem; line-height: 1.3; margin: 0; }
h3 { font-size: 1rem; margin: 2rem 0 .6rem; }
h4 { font-size: .95rem; line-height: 1.45; margin: 0; overflow-wrap: anywhere; }
p { margin: 0; }
a { color: var(--accent); }
a:focus-visible, summary:focus-visible {
  outline: 2px solid var(--accent); outline-offset: 2px;
}
.quiet, .path { color: var(--quiet); }
.path { font-size: .82rem; overflow-wrap: anywhere; }
.unseen {
  position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap;
}
.card {
  background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 1.5rem 1.6rem 1.6rem; margin-top: 1.5rem;
}
.head { display: flex; gap: 1.5rem; justify-content: space-between; }
.head h2 { min-width: 0; overflow-wrap: anywhere; }
.badge {
  display: inline-block; border-radius: 2rem; padding: .2rem .8rem; font-size: .85rem;
  font-weight: 600; border: 1px solid; align-self: start; flex: none;
}
.totals {
  display: flex; flex-wrap: wrap; gap: .2rem 1.6rem; list-style: none; margin: .9rem 0 0;
  padding: 0;
  color: var(--quiet); font-size: .9rem; font-variant-numeric: tabular-nums;
}
.wide { overflow-x: auto; margin: 1.2rem 0 0; padding-bottom: .3rem; }
table { border-collapse: collapse; }
.matrix { border-collapse: separate; border-spacing: 3px; }
.matrix th { font-weight: 500; padding: 0; }
.matrix .group {
  font-size: .72rem; letter-spacing: .06em; text-transform: uppercase; color: var(--quiet);
  border-bottom: 1px solid var(--line); padding: 0 .25rem .25rem; text-align: center;
}
.matrix .trouble { height: 8.2rem; vertical-align: bottom; font-size: .82rem; padding: .4rem 0; }
.matrix .trouble span {
  writing-mode: vertical-rl; transform: rotate(180deg); white-space: nowrap; line-height: 2.2rem;
}
.matrix th[scope=row] {
  text-align: left; font-size: .84rem; padding: 0 1rem 0 0; overflow-wrap: anywhere;
  min-width: 8.5rem; max-width: 17rem; position: sticky; left: 0; background: var(--card);
}
.matrix .gap { width: .55rem; min-width: .55rem; border: 0; padding: 0; }
.matrix td { padding: 0; }
.cell {
  display: flex; width: 2.2rem; height: 1.8rem; align-items: center; justify-content: center;
  border-radius: 5px; border: 1px solid; font-weight: 700; text-decoration: none; margin: 0 auto;
}
.sound { background: var(--sound); color: var(--sound-text); border-color: var(--sound-line); }
.stuck { background: var(--stuck); color: var(--stuck-text); border-color: var(--stuck-line); }
.hole { background: var(--hole); color: var(--hole-text); border-color: var(--hole-line); }
.none { border-color: transparent; color: var(--quiet); background: none; }
a.cell:hover { filter: brightness(.94); box-shadow: 0 0 0 2px var(--accent); }
td:has(> .story:target) > .cell { box-shadow: 0 0 0 3px var(--accent); }
.legend {
  display: flex; flex-wrap: wrap; gap: .35rem 1.3rem; margin: .9rem 0 0; padding: 0;
  list-style: none; font-size: .84rem; color: var(--quiet); align-items: center;
}
.legend li { display: flex; gap: .45rem; align-items: center; }
.legend .cell { width: 1.45rem; height: 1.2rem; font-size: .78rem; border-radius: 4px; }
.finding { border: 1px solid var(--line); border-radius: 8px; margin: .6rem 0 0; overflow: hidden; }
.finding.of-hole { border-left: 4px solid var(--hole); }
.finding.of-stuck { border-left: 4px solid var(--stuck-line); }
.finding > summary {
  padding: .65rem 1rem; cursor: pointer; overflow-wrap: anywhere; font-weight: 500;
}
.finding > summary:hover { background: var(--ground); }
.finding > .told { padding: .2rem 1rem 1rem 2.1rem; }
.word-hole { color: var(--hole-word); } .word-stuck { color: var(--stuck-text); }
.word-sound { color: var(--sound-text); }
.told { overflow-wrap: anywhere; }
.told + .told { border-top: 1px solid var(--line); margin-top: 1.2rem; padding-top: 1.2rem; }
.told .facts { color: var(--quiet); font-size: .84rem; margin-top: .25rem; }
.told ol { margin: .8rem 0 0; padding-left: 1.6rem; }
.told li { padding: .12rem 0 .12rem .25rem; }
.told li::marker { color: var(--quiet); font-variant-numeric: tabular-nums; }
.told li:last-child { font-weight: 600; }
.advice {
  margin: .9rem 0 0; padding: .6rem .9rem; border-radius: 6px; background: var(--ground);
  border: 1px solid var(--line);
}
.story { display: none; }
.story:target {
  display: block; position: fixed; z-index: 2; top: 0; right: 0; bottom: 0; width: 28rem;
  max-width: 100vw; overflow-y: auto; background: var(--card); border-left: 1px solid var(--line);
  box-shadow: -12px 0 32px var(--shade); padding: 1.4rem 1.6rem 2rem; text-align: left;
  font-size: .95rem;
}
.story:focus { outline: 0; }
.story header { display: flex; justify-content: space-between; gap: 1rem; }
.story header h3 { margin: 0; font-size: 1.05rem; overflow-wrap: anywhere; }
.story .close { text-decoration: none; white-space: nowrap; font-size: .88rem; }
.story .badge { margin: .8rem 0 1.1rem; }
.fold { margin-top: 1.6rem; border-top: 1px solid var(--line); padding-top: 1rem; }
.fold > summary { cursor: pointer; font-weight: 600; }
.fold > summary span { font-weight: 400; }
.fold h4 { margin: 1.4rem 0 .3rem; }
.fold .wide { margin: 0; }
.list { width: 100%; margin: 0; font-size: .88rem; }
.list th, .list td {
  text-align: left; padding: .34rem 1rem .34rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top;
}
.list th, .list .word { white-space: nowrap; }
.list thead th { color: var(--quiet); font-weight: 500; }
.list .quiet { color: var(--quiet); }
.list code { overflow-wrap: anywhere; }
.index { padding: .9rem 1.6rem; overflow-x: auto; }
.index .list { margin: 0; } .index tbody tr:last-child td { border-bottom: 0; }
.list td.number, .list th.number { text-align: right; font-variant-numeric: tabular-nums; }
.list .badge { padding: .05rem .6rem; font-size: .8rem; white-space: nowrap; }
.plain { margin: .4rem 0 0; padding-left: 1.3rem; overflow-wrap: anywhere; }
footer { margin-top: 2rem; color: var(--quiet); font-size: .82rem; }
@media (min-width: 1280px) {
  html:has(.story:target) main { margin-left: max(0px, calc((100vw - 96rem) / 2)); }
}
@media (max-width: 720px) {
  main { padding: 1.4rem .8rem 3rem; } .card { padding: 1.1rem 1rem; }
  .story:target {
    top: auto; left: 0; width: auto; max-height: 62vh; border-left: 0;
    border-top: 1px solid var(--line); box-shadow: 0 -12px 32px var(--shade);
  }
  .matrix th[scope=row] { max-width: 9rem; padding-right: .5rem; }
}
@media print {
  .story:target { display: none; } .card { break-inside: avoid-page; }
  .cell, .badge, .finding { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
""".lstrip()

"""The style of the contract's pages. Text has at least 4.5:1 against its ground (WCAG AA); 390 px and paper do as well as a wide screen."""

STYLE = """
:root { color-scheme: light; --ink: #1c232b; --faint: #52606d; --line: #d5dbe1; --ground: #f4f6f8; --link: #0b4f8a; }
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; -webkit-text-size-adjust: 100%; }
body { margin: 0; font: 1rem/1.55 system-ui, "Segoe UI", Roboto, "Liberation Sans", sans-serif; color: var(--ink); background: #fff; }
header, nav, main { max-width: 62rem; margin: 0 auto; padding: 0 1.25rem; overflow-wrap: break-word; }
header { padding-top: 2rem; }
main { padding-bottom: 4rem; }
h1, h2, h3, h4 { line-height: 1.25; margin: 0; }
h1 { font-size: 1.9rem; }
h2 { font-size: 1.4rem; margin-top: 3rem; padding-bottom: .35rem; border-bottom: 2px solid var(--ink); }
h3 { font-size: 1.1rem; margin-top: 2.25rem; }
h4 { font-size: .95rem; margin: 1.4rem 0 .35rem; }
p { margin: .6rem 0; max-width: 46rem; }
a { color: var(--link); text-underline-offset: .15em; }
a:hover { text-decoration-thickness: 2px; }
:focus-visible { outline: 3px solid #b45309; outline-offset: 2px; }
main:focus { outline: none; }
.skip { position: absolute; left: -999rem; padding: .5rem 1rem; background: #fff; }
.skip:focus { left: .5rem; top: .5rem; }
.lead, .faint { color: var(--faint); }
.lead { font-size: 1.1rem; margin-top: .35rem; }
code, pre { font: .88em/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace; }
code { background: var(--ground); border-radius: 3px; padding: .08em .3em; overflow-wrap: anywhere; }
pre { margin: .5rem 0; padding: .75rem 1rem; background: var(--ground); border-left: 3px solid var(--line); }
pre { white-space: pre-wrap; overflow-wrap: anywhere; }
nav { margin-top: 1.5rem; }
nav > ul { list-style: none; margin: 0; padding: .75rem 0; border: solid var(--line); border-width: 1px 0; columns: 19rem; gap: 2rem; }
nav li { break-inside: avoid; padding: .22rem 0; }
nav ul ul { list-style: none; margin: 0; padding: 0 0 0 .9rem; }
.route { display: flex; flex-wrap: wrap; align-items: baseline; gap: .3rem .6rem; margin: .5rem 0; }
.route code { font-size: .95rem; }
.verb { font: 700 .8rem/1 ui-monospace, Consolas, "Liberation Mono", monospace; padding: .3rem .45rem; border-radius: 3px; color: #fff; }
.post { background: #0b4f8a; }
.get { background: #1a6239; }
dl { margin: .35rem 0; border-top: 1px solid var(--line); }
dl > div { display: grid; grid-template-columns: 13.5rem 1fr; gap: .1rem 1.25rem; padding: .45rem 0; border-bottom: 1px solid var(--line); }
dt { font-weight: 600; min-width: 0; }
dt .faint { display: block; font-weight: 400; font-size: .88rem; }
dd { margin: 0; min-width: 0; max-width: 42rem; }
dd p { margin: 0 0 .25rem; }
.answers > div { grid-template-columns: 4.25rem 1fr; }
dl dl { border: 0; margin: .2rem 0 0; }
dl dl > div { grid-template-columns: 10rem 1fr; padding: .2rem 0; border-bottom: 0; border-top: 1px dotted var(--line); }
summary { cursor: pointer; padding: .3rem 0; color: var(--link); }
details { margin: .15rem 0; }
table { width: 100%; border-collapse: collapse; margin: .75rem 0; }
caption { text-align: left; color: var(--faint); font-size: .92rem; padding-bottom: .5rem; overflow-wrap: anywhere; }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem .4rem .5rem; border-bottom: 1px solid var(--line); }
thead th { border-bottom: 2px solid var(--line); font-size: .9rem; }
tbody th { font-weight: 600; width: 6.5rem; white-space: nowrap; }
tbody th a { color: inherit; text-decoration: none; }
tbody th a:hover { text-decoration: underline; }
.d1 { padding-left: 1.5rem; }
.d2 { padding-left: 2.5rem; }
.d3 { padding-left: 3.5rem; }
.top td, .top th { background: var(--ground); }
td, .wide { overflow-wrap: anywhere; }
.said { display: grid; grid-template-columns: 19rem 1fr; gap: .1rem 1.5rem; }
.wide { width: 15rem; white-space: normal; }
.wide + td .said { grid-template-columns: 7rem 1fr; }
tr:target > *, dl > div:target, section:target > h3 { background: #fdf3d8; }
@media (max-width: 44rem) {
  header { padding-top: 1.25rem; }
  h1 { font-size: 1.55rem; }
  dl > div, dl dl > div, .said, .wide + td .said { grid-template-columns: 1fr; }
  .answers > div { grid-template-columns: 3.25rem 1fr; gap: .75rem; }
  tbody th { width: 5.25rem; }
  .d1 { padding-left: 1rem; }
  .d2 { padding-left: 1.5rem; }
  .d3 { padding-left: 2rem; }
  .wide { width: 8.5rem; }
}
@media (max-width: 22rem) {
  tbody th { white-space: normal; overflow-wrap: anywhere; }
}
@media print {
  body { font-size: 10pt; }
  nav, .skip { display: none; }
  a { color: inherit; text-decoration: none; }
  details::details-content { display: block; content-visibility: visible; height: auto; }
  .verb { color: inherit; background: none; border: 1px solid; }
  tr, dl > div:not(:has(details)) { break-inside: avoid; }
  h2, h3, h4 { break-after: avoid; }
}
"""

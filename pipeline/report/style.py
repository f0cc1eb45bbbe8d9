"""The look that all report pages share: light and dark, no fonts or scripts from elsewhere."""

PAGE_STYLE = """
:root{--paper:#fbfaf8;--ink:#22252a;--quiet:#6a6f78;--line:#dcd8d0;--bar:#3f7fbf;--good:#dcefe2;
--bad:#b3261e}
@media (prefers-color-scheme:dark){:root{--paper:#16181c;--ink:#e8e8ea;--quiet:#9aa0aa;
--line:#33373e;--bar:#6aa5dd;--good:#1f3a2a;--bad:#ff8a80}}
body{margin:0 auto;max-width:1500px;padding:1rem 1.5rem;background:var(--paper);color:var(--ink);
font:15px/1.45 system-ui,sans-serif}h1{margin:.2rem 0}h2{margin:2rem 0 .6rem;border-bottom:1px solid
var(--line)}h3{margin:1.2rem 0 .4rem;font-size:1rem}.wide{overflow-x:auto;margin-bottom:1rem}
.facts,figcaption{color:var(--quiet)}a{color:inherit}nav a{margin-right:.8rem}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(300px,1fr));gap:1rem}
.chart{margin:0}.chart svg{width:100%;height:auto}.chart rect,.chart circle{fill:var(--bar)}
.chart text{font-size:11px;fill:var(--quiet)}.axis{fill:none;stroke:var(--line)}
table{border-collapse:collapse}td,th{text-align:left;padding:.2rem .9rem .2rem 0;border-bottom:1px
solid var(--line);font-variant-numeric:tabular-nums}
"""

"""The look of the report pages: light and dark, no fonts or scripts from elsewhere.

PAGE_STYLE is what all pages share; GALLERY_STYLE adds the cards of a dataset's report.
"""

PAGE_STYLE = """
:root{color-scheme:light dark;--paper:#fbfaf8;--ink:#22252a;--quiet:#6a6f78;--line:#dcd8d0;
--bar:#3f7fbf;--good:#dcefe2;--bad:#b3261e;--card:#fff;--on:#e3eefa}
@media (prefers-color-scheme:dark){:root{--paper:#16181c;--ink:#e8e8ea;--quiet:#9aa0aa;
--line:#33373e;--bar:#6aa5dd;--good:#1f3a2a;--bad:#ff8a80;--card:#1d2025;--on:#24364a}}
body{margin:0 auto;max-width:1500px;padding:1rem 1.5rem;background:var(--paper);color:var(--ink);
font:15px/1.45 system-ui,sans-serif}h1{margin:.2rem 0}h2{margin:2rem 0 .6rem;border-bottom:1px solid
var(--line)}h3{margin:1.2rem 0 .4rem;font-size:1rem}.wide{overflow-x:auto;margin-bottom:1rem}
.facts,figcaption{color:var(--quiet)}a{color:inherit}nav a{margin-right:.8rem}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,300px),1fr));gap:1rem}
.chart{margin:0}.chart svg{width:100%;height:auto}.chart rect,.chart circle{fill:var(--bar)}
.chart text{font-size:11px;
fill:var(--quiet);paint-order:stroke;stroke:var(--paper);stroke-width:3px}.axis{fill:none;stroke:var(--line)}
.even{stroke:var(--ink);stroke-width:1;stroke-dasharray:2 2}
table{border-collapse:collapse}td,th{text-align:left;padding:.2rem .9rem .2rem 0;border-bottom:1px
solid var(--line);font-variant-numeric:tabular-nums}
"""

GALLERY_STYLE = """
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,400px),1fr));gap:1.2rem}
.card{border:1px solid var(--line);border-radius:8px;padding:.6rem;background:var(--card)}
.card p,.people{margin:.4rem 0 0;font-size:13px;color:var(--quiet)}
.people{list-style:none;padding:0}.people i,th i,.legend i{display:inline-block;width:.7em;
height:.7em;border-radius:50%;margin-right:.45em}
.top{display:flex;gap:.8rem;align-items:center;margin-bottom:.4rem}.top .zoom,.close{display:none}
.stage{position:relative;display:block;aspect-ratio:var(--ratio);line-height:0;overflow:hidden;
border-radius:4px;width:min(100%,calc(430px*var(--ratio)));margin:auto}
.stage img,.stage svg{position:absolute;inset:0;width:100%;height:100%}
.layer{display:none;opacity:var(--strength,1)}.stage svg{overflow:hidden;pointer-events:none}
.stage svg *{pointer-events:all;fill:none;vector-effect:non-scaling-stroke}
.stage rect{stroke-width:2;pointer-events:stroke}.amodal-boxes rect{stroke-dasharray:7 4}
.hand-boxes rect{stroke-dasharray:2 3;stroke-linecap:round}
.bone,.dot{stroke-linecap:round;stroke:var(--person)}
.stage g{--px:calc(1px*var(--fine)*var(--near,1))}.card:target .stage{--near:1.25}
.bone{stroke-width:calc(2.6*var(--px))}.bone.fine{stroke-width:calc(1.3*var(--px))}
.dot{stroke-width:calc(7*var(--px))}.dot.fine{stroke-width:calc(3.4*var(--px))}
.dot.mid{stroke-width:calc(4.4*var(--px))}
.stage svg .rim{stroke:#000a;pointer-events:none}.rim.bone{stroke-width:calc(4.2*var(--px))}
.rim.dot{stroke-width:calc(9*var(--px))}.rim.dot.fine{stroke-width:calc(4.8*var(--px))}
.rim.dot.mid{stroke-width:calc(6*var(--px))}
.by-side .bone{stroke:#eee}.by-side .bone.left{stroke:#4aa3ff}.by-side .bone.right{stroke:#ff9a2e}
.switches{border:0;margin:.5rem 0 0;padding:0;display:flex;flex-wrap:wrap;gap:.3rem}
.switches legend{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.switches label{border:1px solid var(--line);border-radius:99px;padding:.1rem .55rem;font-size:12px;
display:flex;gap:.3rem;align-items:center;cursor:pointer;white-space:nowrap;position:relative}
.switches input{margin:0;accent-color:var(--bar)}
.card .switches input{position:absolute;inset:0;width:100%;height:100%;opacity:0;cursor:pointer}
.switches label:has(:checked){border-color:var(--bar);background:var(--on)}
.switches label:has(:focus-visible),a:focus-visible,select:focus-visible{outline:2px solid
var(--bar);outline-offset:2px}
.bar{display:none;position:sticky;top:0;z-index:2;background:var(--paper);padding:.6rem 0;
border-bottom:1px solid var(--line);margin-bottom:1rem}.scripted .bar{display:block}
.bar .switches{margin:0}.bar .switches legend{position:static;width:auto;height:auto;
clip-path:none;float:left;font-weight:600;padding:.1rem .4rem 0 0;font-size:13px}
.choices{display:flex;flex-wrap:wrap;gap:.3rem 1.4rem;margin-top:.5rem;font-size:13px}
.choices label{display:flex;gap:.4rem;align-items:center}select{max-width:14rem}
.legend,.absent{margin:.4rem 0;font-size:13px;color:var(--quiet)}.legend p{margin:.3rem 0}
.legend span{margin-right:.8rem;white-space:nowrap}summary{cursor:pointer}
.more{display:none}.more h3{margin:1rem 0 .2rem}.more th,.more td{font-weight:400;font-size:13px;
vertical-align:top}.more th{color:var(--quiet)}.more td+th,.more th+th{color:var(--ink)}
.slot{scroll-margin-top:8rem}
body:has(.card:target){overflow:hidden}
.card:target{position:fixed;inset:0;z-index:3;overflow:auto;border:0;border-radius:0;
padding:.8rem 1.2rem;display:grid;grid-template-columns:minmax(0,1fr) minmax(300px,430px);
gap:1.4rem;background:var(--paper);outline:0;align-items:start;
align-content:start}
.card:target .more{display:block}.card:target .top .zoom{display:flex;margin:0}
.card:target .close{display:block;margin-left:auto;white-space:nowrap}
.card:target .view{overflow:auto;max-height:calc(100vh - 8.5rem)}
.card:target .stage{width:min(100%,calc((100vh - 8.5rem)*var(--ratio)));cursor:auto}
.card:target:has(.zoom2:checked) .stage{width:200%}
.card:target:has(.zoom4:checked) .stage{width:400%}
.card:target:has(.zoom4:checked) img,.card:target:has(.zoom2:checked) img{image-rendering:pixelated}
@media (max-width:900px){.card:target{grid-template-columns:minmax(0,1fr)}}
@media (max-width:700px){.bar{position:static}}
.axes{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,340px),1fr));gap:1.2rem}
.axes ul{margin:.2rem 0 0;padding-left:1.1rem;font-size:13px}.axes .few{color:var(--quiet)}
meter{width:7rem;vertical-align:middle}.evenness{font-size:13px;color:var(--quiet);margin:.1rem 0}
.poses{display:grid;grid-template-columns:repeat(auto-fill,minmax(200px,1fr));gap:1rem}
.pose{margin:0}.pose svg{width:100%;height:auto;background:var(--card);border:1px solid var(--line);
border-radius:6px}.pose path{fill:none;stroke:var(--ink);stroke-width:.03;stroke-linecap:round}
.pose .left{stroke:#2f86e0}.pose .right{stroke:#e07a12}.pose circle{fill:var(--ink)}
.pose figcaption{font-size:13px}.far{color:var(--bad)}
"""

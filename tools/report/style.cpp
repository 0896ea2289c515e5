// SPDX-License-Identifier: MIT
// The page's style sheet; it needs no font or file outside the page.
// The spectrum has one hue that fades from λ₁ to λ₅, because their order is the message; orange is kept for 2/η and the
// instabilities.
#include "tools/report/colours.h"
#include "tools/report/page.h"

namespace brink::report {
namespace {

constexpr std::string_view light = R"(
  --paper:#fff; --ink:#16191d; --soft:#565e67; --rule:#dfe3e7; --grid:#e9ecef; --frame:#8a929a; --tile:#f5f6f8;
  --l1:#0b5cad; --l2:#1b88b5; --l3:#2a9a94; --l4:#6d9a78; --l5:#8a9083; --edge:#c2410c;
  --shade:#e9a820; --weak:.13; --strong:.22; --alarm:#b3122a; --alarm-tile:#fdecee; --doubt:#a03b00; --doubt-tile:#fdf3e6;
  --bottom:#6d3fa0;
)";
constexpr std::string_view dark = R"(
  --paper:#14171b; --ink:#e9ebee; --soft:#a6aeb7; --rule:#30363d; --grid:#252a30; --frame:#6f7780; --tile:#1c2025;
  --l1:#6cb6ff; --l2:#3f9ec4; --l3:#3c9c95; --l4:#678f70; --l5:#7c8076; --edge:#ff9a5c;
  --shade:#e9a820; --weak:.09; --strong:.17; --alarm:#ff8a97; --alarm-tile:#38191e; --doubt:#ffb27a; --doubt-tile:#33261a;
  --bottom:#c09af0;
)";

constexpr std::string_view layout = R"(*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Liberation Sans",Arial,sans-serif;font-variant-numeric:tabular-nums}
main{max-width:1120px;margin:0 auto;padding:40px 32px 56px}
h1{font-size:32px;line-height:1.2;letter-spacing:-.015em;font-weight:650;margin:0 64px 4px 0}
h2,h3{font-size:20px;line-height:1.3;letter-spacing:-.005em;font-weight:650;margin:0}
section{margin-top:56px;padding-top:24px;border-top:2px solid var(--ink)}
section:has(>details.run){margin-top:0;padding-top:12px;padding-bottom:12px;border-top:1px solid var(--rule)}details.run{margin:0}
section>h2{font-size:26px}
p{margin:0}
.lead{color:var(--soft);font-size:17px;overflow-wrap:anywhere}
.measured{font-size:15px}
.doubt.banner{border-left-color:var(--doubt);background:var(--doubt-tile);color:var(--ink);font-weight:400}
.banner{margin:16px 0 0;padding:10px 14px;border-left:4px solid var(--alarm);background:var(--alarm-tile);color:var(--alarm);font-weight:600}
dl{margin:0}dd{margin:0}
.key{display:grid;grid-template-columns:repeat(5,1fr);gap:1px;margin:24px 0}
.key>div{display:flex;flex-direction:column;outline:1px solid var(--rule);padding:12px 14px}
.key dt{font-size:13px;color:var(--soft);line-height:1.3}
.key b{display:block;font-size:25px;line-height:1.3;font-weight:600;letter-spacing:-.01em}
.key small{display:block;font-size:12.5px;line-height:1.35;color:var(--soft)}
.facts{display:grid;grid-template-columns:1fr 1fr;gap:0 40px;font-size:14.5px}
.facts>div{display:grid;grid-template-columns:120px 1fr;padding:5px 0;border-bottom:1px solid var(--rule)}
.facts dt{color:var(--soft)}.facts dd{overflow-wrap:anywhere}
code{font:13px/1.5 ui-monospace,"SF Mono",Menlo,Consolas,"Liberation Mono",monospace}
figure{margin:48px 0 0;break-inside:avoid}
figcaption{font-size:14px;line-height:1.5;color:var(--soft);max-width:85ch;margin:2px 0 0 44px}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:2px 22px;margin:6px 0 0;padding:0;font-size:14px;line-height:1.6}
.legend li{max-width:100%;overflow-wrap:anywhere}.legend output{display:inline-block;min-width:3.2em;font-weight:600}
.legend small{font-size:12px;font-weight:400;color:var(--soft)}
.where{color:var(--soft)}
.swatch{display:inline-block;width:16px;height:0;border-top:3px solid var(--c);vertical-align:4px;margin-right:6px}
.swatch.dash{border-top:2px dashed var(--c)}
.swatch.band{height:9px;border:0;background:var(--c);opacity:.3;vertical-align:0}.swatch.mark{width:7px;border-top-width:1.5px;opacity:.7}
.plot{padding:48px 46px 32px 44px;touch-action:pan-y;cursor:crosshair}
.timeless{padding-top:28px}
.still{cursor:default}
.plot:focus-visible{outline:2px solid var(--l1);outline-offset:2px}
.panel{display:block;width:100%;overflow:visible;font-size:12.5px}
.panel+.panel{margin-top:40px}
.data{overflow:hidden}
.data path{fill:none;stroke:var(--c);vector-effect:non-scaling-stroke;stroke-linejoin:round}
.data .line{stroke-width:1.3;stroke-linecap:round}
.data .l1 .line{stroke-width:1.8}
.data g[data-run]:hover .line,.data g.pointed .line{stroke-width:3.5}
.data .reference{stroke-width:1.5;stroke-dasharray:6 4;stroke-linecap:butt}
.data .uncertain{stroke-dasharray:2 3;stroke-linecap:butt}
.data .bar{stroke-width:1.2;opacity:.55}
.data .band{fill:var(--c);fill-opacity:.22;stroke-width:1;stroke-opacity:.22}.data .dash{stroke-width:1.3;stroke-opacity:.75}
.data .ring{stroke-width:7.5;stroke-linecap:round}
.data .hole{stroke-width:4.5;stroke-linecap:round;stroke:var(--paper)}
.heat{overflow:hidden}.heat path{fill:none;stroke:var(--c);shape-rendering:crispEdges}
.grid line{stroke:var(--grid)}
.frame{stroke:var(--frame)}
.shade{fill:var(--shade);fill-opacity:var(--weak)}
.shade.long{fill-opacity:var(--strong)}
.shade-number{fill:var(--soft);font-size:11.5px}
.tick{fill:var(--soft)}
.axis-name{font-style:italic}
.panel-name{fill:var(--ink);font-weight:600;font-size:13px}
.label text{fill:var(--c);font-weight:600;font-size:13px}
.label .l3,.label .l4,.label .l5{fill:var(--soft)}
.arrow,.cross{fill:var(--c);font-size:10px}.cross{font-weight:700}
.mark{color:var(--doubt);font-weight:700}
.colours{display:flex;flex-wrap:wrap;align-items:flex-start;gap:4px 16px;margin:8px 0 0;font-size:14px;color:var(--soft)}
.colours svg{width:min(420px,100%);overflow:visible;font-size:12.5px;margin:0 24px}.colours rect{fill:var(--c)}
.multiples{display:grid;grid-template-columns:repeat(auto-fill,minmax(168px,1fr));gap:18px 16px;margin:16px 0 8px}
.cell{display:block;min-width:0;color:inherit;text-decoration:none;font-size:13px;padding:2px 0 0 22px}
.cell>span{display:block;overflow:hidden;text-overflow:ellipsis;white-space:nowrap;margin-bottom:3px}
.cell>small{display:block;color:var(--soft);font-size:12px;line-height:1.3;min-height:1.3em}
.cell:hover{background:var(--tile)}.cell .panel{font-size:10.5px}
line.fork{stroke:var(--ink);stroke-width:1;stroke-dasharray:1 3}
text.fork{fill:var(--ink)}
line.diverged{stroke:var(--alarm);stroke-width:1.5}
.label text,text.fork,text.diverged,text.threshold{paint-order:stroke;stroke:var(--paper);stroke-width:3px;stroke-linejoin:round}
text.diverged{fill:var(--alarm);font-weight:600}
.stepped [data-at]{display:none}.stepped g.on{display:inline}.stepped p.on,.stepped div.on{display:block}
.stepped p{font-size:14px;line-height:1.6;margin-top:6px}.stepped .plot{cursor:auto}.stepped .panel+.panel{margin-top:64px}
.square{max-width:520px;padding-bottom:52px}.square .panel{aspect-ratio:1;height:auto}.theta{fill:none;stroke:var(--paper);stroke-width:2.5}
.slider{margin:8px 46px 0 44px}.slider input{width:100%;accent-color:var(--l1)}
line.threshold{stroke:var(--edge);stroke-width:1.5;stroke-dasharray:6 4}text.threshold{fill:var(--edge);font-weight:600}line.zero{stroke:var(--frame);stroke-dasharray:1 3}
.cursor{stroke:var(--ink);stroke-width:1;visibility:hidden}
.live .cursor{visibility:visible}
details{margin:40px 0 0}summary{cursor:pointer;font-weight:600}
.scroll{overflow-x:auto;margin:12px 0 0}
table{border-collapse:collapse;font-size:14px}
th,td{padding:5px 18px 5px 0;text-align:left;white-space:nowrap;border-bottom:1px solid var(--rule)}
thead th{color:var(--soft);font-weight:400;vertical-align:bottom}
.compare thead th{white-space:normal;line-height:1.25;min-width:64px}
.compare th[scope=row]{position:sticky;left:0;background:var(--paper);font-weight:400;max-width:15em;overflow:hidden;text-overflow:ellipsis}
.compare th a{color:var(--c);font-weight:700}.compare tr.pointed>*{background:var(--tile)}
h2.table{margin-top:48px}
details.run>summary>h2{display:inline;font-size:20px}
.notes{margin:40px 0 0;font-size:14px;color:var(--soft)}.notes ul{margin:4px 0 0;padding-left:20px}
.remark{margin:8px 0 0;font-size:14px;color:var(--soft)}
#theme{position:absolute;top:44px;right:max(32px,calc(50vw - 528px));font:inherit;font-size:13px;color:var(--soft);background:none;border:1px solid var(--rule);border-radius:4px;padding:4px 10px;cursor:pointer}
@media (max-width:900px){.key{grid-template-columns:repeat(auto-fill,minmax(150px,1fr))}}
@media (max-width:640px){
main{padding:24px 16px 40px}
h1{font-size:25px;margin-right:56px}h2,h3{font-size:18px}section>h2{font-size:22px}
#theme{top:22px;right:16px}
.key{grid-template-columns:1fr 1fr}.key b{font-size:22px}
.facts{grid-template-columns:1fr}.facts>div{grid-template-columns:116px 1fr}
.plot{padding-left:36px;padding-right:38px}.slider{margin-left:36px;margin-right:38px}
.panel-name{transform:translateX(8px)}
.data .line{stroke-width:1}.data .l1 .line{stroke-width:1.4}
.data .ring{stroke-width:6}.data .hole{stroke-width:3.6}
figcaption{margin-left:0}
.second,.shade-number{display:none}
}
@media print{
body{font-size:11pt}main{max-width:none;padding:0}#theme,.cursor{display:none}
figure{margin-top:28px}section{break-before:page}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
}
)";

}  // namespace

std::string style_sheet() {
  std::string out;
  const auto rule = [&](std::string_view selector, std::string_view scheme, std::string_view variables) {
    out += std::string(selector) + "{color-scheme:" + std::string(scheme) + ";" + std::string(variables) + "}\n";
  };
  const std::string on_light = std::string(light) + colour_variables(false),
                    on_dark = std::string(dark) + colour_variables(true);
  rule(":root", "light", on_light);
  out += "@media screen and (prefers-color-scheme:dark){";
  rule(":root", "dark", on_dark);
  out += "}\n@media screen{";
  rule(":root[data-theme=light]", "light", on_light);
  rule(":root[data-theme=dark]", "dark", on_dark);
  out += "}\n";
  const auto colour = [&](const std::string& name) { out += "." + name + "{--c:var(--" + name + ")}"; };
  for (const char* name : {"l1", "l2", "l3", "l4", "l5", "edge", "bottom"}) colour(name);
  for (std::size_t i = 0; i < most_single_colours; ++i) colour("c" + std::to_string(i));
  for (int i = 0; i < sequence_steps; ++i) colour("q" + std::to_string(i));
  out += ".plain{--c:var(--soft)}";
  return out + "\n" + std::string(layout);
}

}  // namespace brink::report

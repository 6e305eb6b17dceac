/** The report's style sheet: one column, light and dark by the reader's own setting, no script, no font from elsewhere. */
export const REPORT_STYLE = `
:root { color-scheme: light dark; --paper: #f6f7f9; --card: #ffffff; --ink: #171a21; --soft: #5b6472; --line: #e1e5eb;
  --m0: #a2611a; --m1: #1f5fd6; --m2: #0f7b5f; --m3: #8b3fb0; --good: #12734a; --bad: #b3261e; --track: #eceff4; }
@media (prefers-color-scheme: dark) { :root { --paper: #101318; --card: #181c23; --ink: #e8eaee; --soft: #9aa4b2; --line: #2a303a;
  --m0: #e0a458; --m1: #79a8ff; --m2: #4cc9a0; --m3: #cf9bef; --good: #57c78f; --bad: #ff8a80; --track: #232933; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 40px 20px 72px; }
h1 { font-size: clamp(1.5rem, 4.5vw, 2.2rem); line-height: 1.2; letter-spacing: -0.02em; margin: 0 0 6px; }
h2 { font-size: 1.2rem; letter-spacing: -0.01em; margin: 0 0 4px; }
p { margin: 0 0 12px; } .soft { color: var(--soft); } .small { font-size: 0.875rem; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 22px; margin-top: 20px; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(180px, 1fr)); gap: 14px; margin-top: 22px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 16px 18px; }
.card b { display: block; font-size: 2rem; line-height: 1.15; letter-spacing: -0.03em; font-variant-numeric: tabular-nums; }
.m0 { --tone: var(--m0); } .m1 { --tone: var(--m1); } .m2 { --tone: var(--m2); } .m3 { --tone: var(--m3); }
.card[class*=" m"] b { color: var(--tone); }
.gain { color: var(--good); } .loss { color: var(--bad); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 8px 10px; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { font-size: 0.8rem; font-weight: 600; color: var(--soft); } th:first-child, td:first-child { text-align: left; padding-left: 0; }
tr:last-child td { border-bottom: 0; } tfoot td { border-top: 2px solid var(--line); font-weight: 700; }
td.best { font-weight: 700; }
.bars { width: 34%; min-width: 120px; } .bars i { display: block; height: 7px; border-radius: 4px; background: var(--tone); margin: 3px 0; min-width: 2px; }
.bars div { background: var(--track); border-radius: 4px; margin: 3px 0; }
.swatch { display: inline-block; width: 0.85em; height: 0.85em; border-radius: 3px; margin-right: 0.5em; vertical-align: -0.05em; box-shadow: inset 0 0 0 1px #8886; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; font-size: 0.875rem; margin: 10px 0; }
.key { display: inline-block; width: 26px; border-top: 3px solid var(--tone); margin-right: 8px; vertical-align: middle; } .key.thin { border-top: 2px dashed var(--tone); }
.chart { width: 100%; max-width: 780px; height: auto; display: block; } .chart text { font-size: 13px; fill: var(--soft); } .chart .grid { stroke: var(--line); }
.curve path { fill: none; stroke: var(--tone); stroke-width: 3; stroke-linejoin: round; } .curve circle { fill: var(--tone); }
.curve.thin path { stroke-width: 1.6; stroke-dasharray: 5 4; opacity: 0.85; } .curve.thin circle { opacity: 0.85; }
.sheet { display: grid; gap: 6px; margin-top: 8px; } .sheet figure { margin: 0; } .sheet img { width: 100%; height: auto; display: block; border-radius: 6px; }
.sheet .map { image-rendering: pixelated; } .sheet .head, figcaption { font-size: 0.8rem; color: var(--soft); } .sheet .head { font-weight: 600; }
.sheet .wide { grid-column: 1 / -1; margin-top: 6px; }
pre { background: var(--track); border-radius: 8px; padding: 10px 12px; overflow-x: auto; margin: 4px 0 14px; font-size: 0.85rem; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(240px, 1fr)); gap: 2px 24px; margin: 8px 0 0; font-size: 0.875rem; }
dl div { display: flex; justify-content: space-between; gap: 12px; border-bottom: 1px solid var(--line); padding: 5px 0; } dt { color: var(--soft); } dd { margin: 0; text-align: right; overflow-wrap: anywhere; }
footer { margin-top: 28px; }
@media (max-width: 560px) { main { padding: 24px 12px 48px; } section { padding: 16px 14px; } .chart text { font-size: 21px; } .share, .bars { display: none; }
  th, td { padding: 8px 5px; } .sheet { gap: 4px; } .sheet .head, figcaption { font-size: 0.7rem; } }
`;

// Reads Mermaid texts as a JSON list from stdin; writes what Mermaid itself understood of each.
import { JSDOM } from 'jsdom'
const { window } = new JSDOM('')
globalThis.window = window
globalThis.document = window.document
const { default: mermaid } = await import('mermaid')
const plain = text => text.replace(/ﬂ°°(\d+)¶ß/g, (_, code) => String.fromCharCode(code))
let given = ''
for await (const piece of process.stdin) given += piece
const understood = []
for (const text of JSON.parse(given)) {
  await mermaid.parse(text)
  const diagram = await mermaid.mermaidAPI.getDiagramFromText(text)
  const { nodes, edges } = diagram.db.getData()
  understood.push({
    type: diagram.type,
    nodes: nodes.map(n => ({
      id: n.id, label: plain(n.label ?? ''), shape: n.shape, group: n.isGroup, parent: n.parentId ?? null,
      classes: (n.cssClasses ?? '').split(' '),
    })),
    edges: edges.map(e => ({ from: e.start, to: e.end, dotted: e.pattern === 'dotted' })),
  })
}
process.stdout.write(JSON.stringify(understood))

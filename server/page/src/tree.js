// A conversation is a tree: an edit or another try is a sibling. What is shown is the path from the root to one leaf.

export function pathTo(leaf, messages) {
  const path = [];
  for (let at = messages.get(leaf); at && path.length <= messages.size; at = messages.get(at.parent)) path.unshift(at);
  return path;
}

const byTime = (a, b) => a.created - b.created || (a.id < b.id ? -1 : 1);

export function childrenOf(parent, messages) {
  return [...messages.values()].filter((m) => (m.parent ?? null) === (parent ?? null)).sort(byTime);
}

// The newest leaf below a message.
export function leafBelow(id, messages) {
  for (let depth = 0; depth <= messages.size; ++depth) {
    const children = childrenOf(id, messages);
    if (!children.length) break;
    id = children.at(-1).id;
  }
  return id;
}

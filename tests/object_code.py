"""Looks at the object code of the kernels' inner loops for stack traffic.

A compiler that runs out of registers, or that takes a vector type apart, leaves no trace in the source; it once cost a factor
of seventeen. In each innermost loop that computes with vector registers, the stores to the function's stack frame are counted:

  lanes    of 1 to 8 bytes, whose place is read back wider: a vector put together in memory. None is allowed.
  spills   of vector registers and integers. At most one for every 16 instructions on vectors; in plain C++ kernels (*_scalar),
           which are the reference, they do not count.

Loads from the frame (of constants and of pointers) are free, and so are stores with an index or through a pointer: those are
arrays of the source.

usage: object_code.py [--objdump PROGRAM] OBJECT...
"""
import argparse
import re
import subprocess
import sys

FUNCTION = re.compile(r'^[0-9a-f]+ <(.+)>:$')
INSTRUCTION = re.compile(r'^\s+([0-9a-f]+):\s+(\S+)\s*(.*)$')
SPILLS = 16  # instructions on vectors for each spill that is allowed
PREFIXES = {'lock', 'rep', 'repz', 'repnz', 'notrack', 'data16', 'bnd', 'cs', 'ds', 'es'}


class X86:
    """How AT&T syntax says it: the destination comes last."""
    frame = re.compile(r'(?:^|,)(-?(?:0x[0-9a-f]+)?)\(%(rsp|rbp)\)')
    sizes = {'x': 16, 'y': 32, 'z': 64}

    def jump(self, name, operands):
        """(target or None, whether the next instruction may follow) of a jump; None for anything else."""
        if name in ('ret', 'ud2', 'hlt'):
            return None, False
        if not name.startswith('j'):
            return None
        target = re.match(r'([0-9a-f]+)$', operands)
        return (int(target.group(1), 16) if target else None), name != 'jmp'

    def computes(self, name, operands):
        return bool(re.search(r'%[xyz]mm', operands)) and not re.match(r'v?mov|v?pxor$|v?xorp', name)

    def access(self, name, operands):
        """(register, place, bytes, whether it stores) of an access to the frame; None where there is none."""
        place = self.frame.search(operands)
        if not place or name.startswith(('lea', 'prefetch', 'push', 'pop', 'call')):
            return None
        at = int(place.group(1) or '0', 16)
        stores = place.end() == len(operands) and not re.match(r'v?u?comis|v?ptest|cmp|test', name)
        if re.match(r'v?(mov[sd]|movss|movd|extractps|pextrd|broadcastss|pbroadcastd)$', name) or name.endswith('ss'):
            size = 4
        elif re.match(r'v?(movsd|movq|movl|movlp[sd]|movhp[sd]|pextrq|broadcastsd|pbroadcastq)$', name):
            size = 4 if name == 'movl' else 8
        else:
            vectors = re.findall(r'%([xyz])mm', operands)
            size = self.sizes[vectors[0]] if vectors else 4 if re.search(r'%e[a-ds]|%r\d+d', operands) else 8
        return place.group(2), at, size, stores


class Arm64:
    frame = re.compile(r'\[(sp|x29)(?:, #(-?\d+))?\]')

    def jump(self, name, operands):
        if name in ('ret', 'br', 'udf'):
            return None, False
        if not re.match(r'(b(\.\w+)?|cbn?z|tbn?z)$', name):
            return None
        target = re.search(r'(?:^|\s)([0-9a-f]+)$', operands)
        return (int(target.group(1), 16) if target else None), name != 'b'

    def computes(self, name, operands):
        # Lanes of 64 bits are addresses, two at a time.
        return bool(re.search(r'\bv\d+\.\d*[bhs]\b', operands)) and not re.match(r'(mov|ld|st)', name)

    def access(self, name, operands):
        place = self.frame.search(operands)
        if not place or not re.match(r'(ld|st)u?[rp]', name):
            return None
        register = operands[0]
        size = {'q': 16, 'd': 8, 's': 4, 'w': 4, 'h': 2, 'b': 1}.get(register, 8)
        return place.group(1), int(place.group(2) or 0), size, name.startswith('st')


def functions(listing):
    """(name, [(address, instruction, operands)]) of each function of objdump's listing."""
    name, body = None, []
    for line in listing.splitlines():
        begin = FUNCTION.match(line)
        if begin:
            if name:
                yield name, body
            name, body = begin.group(1), []
            continue
        instruction = INSTRUCTION.match(line)
        if not instruction:
            continue
        address, word, operands = instruction.groups()
        words = (word + ' ' + operands).split(' ')
        while words[0] in PREFIXES and len(words) > 1:
            words = [w for w in words[1:] if w] or ['']
        operands = re.sub(r'\s+(<|# |//).*$', '', ' '.join(words[1:]).strip())  # names and comments
        body.append((int(address, 16), words[0], operands))
    if name:
        yield name, body


def blocks_of(body, machine):
    """Basic blocks as [first, last] places in body, and the blocks that may follow each."""
    place = {address: i for i, (address, _, _) in enumerate(body)}
    jumps = {i: machine.jump(name, operands) for i, (_, name, operands) in enumerate(body)}
    begins = {0} | {i + 1 for i, jump in jumps.items() if jump} | {place[j[0]] for j in jumps.values() if j and j[0] in place}
    begins = sorted(b for b in begins if b < len(body))
    block_at = {begin: n for n, begin in enumerate(begins)}
    blocks, follow = [], []
    for n, begin in enumerate(begins):
        last = (begins[n + 1] if n + 1 < len(begins) else len(body)) - 1
        target, falls = jumps[last] or (None, True)
        blocks.append((begin, last))
        follow.append([block_at[i] for i in ([place[target]] if target in place else []) + ([last + 1] if falls else [])
                       if i in block_at])
    return blocks, follow


def cycles(nodes, follow):
    """Strongly connected parts of more than one node, or of one that follows itself (Tarjan 1972, without recursion)."""
    index, low, on_stack, stack, found = {}, {}, set(), [], []
    for root in nodes:
        if root in index:
            continue
        work = [(root, iter([f for f in follow[root] if f in nodes]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, rest = work[-1]
            child = next(rest, None)
            if child is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    part = set()
                    while not part or top != node:
                        top = stack.pop()
                        on_stack.discard(top)
                        part.add(top)
                    if len(part) > 1 or node in follow[node]:
                        found.append(part)
            elif child not in index:
                index[child] = low[child] = len(index)
                stack.append(child)
                on_stack.add(child)
                work.append((child, iter([f for f in follow[child] if f in nodes])))
            elif child in on_stack:
                low[node] = min(low[node], index[child])
    return found


def innermost_loops(body, machine):
    """The instructions of each loop that holds no other."""
    blocks, follow = blocks_of(body, machine)
    work, loops = cycles(set(range(len(blocks))), follow), []
    while work:
        part = work.pop()
        entries = {f for n in range(len(blocks)) if n not in part for f in follow[n] if f in part} or {min(part)}
        inner = cycles(part - entries, follow)
        if inner:
            work += inner
        else:
            loops.append([i for n in sorted(part) for i in body[blocks[n][0]:blocks[n][1] + 1]])
    return loops


def frame_registers(body):
    """%rbp counts where the function makes it its frame pointer; elsewhere it is a register like others."""
    made = any(name == 'mov' and operands == '%rsp,%rbp' for _, name, operands in body)
    return {'rsp', 'sp', 'x29'} | ({'rbp'} if made else set())


def stack_traffic(loop, registers, machine):
    """(stores of lanes, stores in all, instructions on vectors) of a loop, each store with its text."""
    accesses = [(machine.access(name, operands), f'{name} {operands}') for _, name, operands in loop]
    accesses = [(a, text) for a, text in accesses if a and a[0] in registers]
    loads = [a for a, _ in accesses if not a[3]]
    stores = [(a, text) for a, text in accesses if a[3]]
    lanes = [text for (base, at, size, _), text in stores
             if size <= 8 and any(l[0] == base and l[2] >= 16 and l[1] <= at < l[1] + l[2] for l in loads)]
    return lanes, [text for _, text in stores], sum(machine.computes(name, operands) for _, name, operands in loop)


def faults(listing, machine, spills_count):
    """(function, first address of the loop, what is wrong, the stores) for each inner loop with stack traffic."""
    for name, body in functions(listing):
        registers = frame_registers(body)
        for loop in innermost_loops(body, machine):
            lanes, stores, computing = stack_traffic(loop, registers, machine)
            if not computing:
                continue
            if lanes:
                yield name, loop[0][0], f'{len(lanes)} lanes put together in memory', lanes
            elif spills_count and len(stores) > computing / SPILLS:
                yield name, loop[0][0], f'{len(stores)} spills among {computing} instructions on vectors', stores


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--objdump', default='objdump')
    parser.add_argument('objects', nargs='+')
    args = parser.parse_args()
    found = loops = 0
    for path in args.objects:
        command = [args.objdump, '-d', '-C', '--no-show-raw-insn', path]
        listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        machine = Arm64() if 'aarch64' in listing[:300] else X86()
        loops += sum(len(innermost_loops(body, machine)) for _, body in functions(listing))
        for name, begin, fault, stores in faults(listing, machine, '_scalar' not in path):
            found += 1
            print(f'{path}: {name}, loop at {begin:x}: {fault}, such as {stores[0]}')
    print(f'{loops} inner loops in {len(args.objects)} objects, {found} with stack traffic')
    sys.exit(1 if found or loops == 0 else 0)  # no loop at all: not a listing that we can read


if __name__ == '__main__':
    main()

"""object_code.py finds what it is for, in listings as objdump writes them."""
import unittest

import object_code

# What g++ 12 makes of a vector type wider than the registers: lanes stored one by one, then read as a whole.
LANES = '''
0000000000000000 <f>:
   0:\tvbroadcastss (%rsi),%ymm0
   4:\tvmovss %xmm0,-0x40(%rsp)
   8:\tvmovss %xmm0,-0x3c(%rsp)
   c:\tvmulps -0x40(%rsp),%ymm1,%ymm2
  10:\tvaddps %ymm2,%ymm3,%ymm3
  14:\tadd    $0x20,%rsi
  18:\tcmp    %rsi,%rdi
  1c:\tjne    0 <f>
  20:\tret
'''
SPILLS = LANES.replace('vmovss %xmm0,-0x3c(%rsp)', 'vmovaps %ymm4,0x20(%rsp)').replace('vmovss %xmm0,-0x40(%rsp)', 'nop')
CLEAN = SPILLS.replace('vmovaps %ymm4,0x20(%rsp)', 'vmovaps %ymm4,(%rdx,%rsi,1)')
# The store stands in the outer loop, and the jump back from behind `ret` closes no loop.
OUTER = '''
0000000000000000 <f>:
   0:\tvmovaps %ymm4,0x20(%rsp)
   4:\tvaddps %ymm2,%ymm3,%ymm3
   8:\tjne    4 <f+0x4>
   c:\tcmp    %rsi,%rdi
  10:\tje     20 <f+0x20>
  14:\tjb     0 <f>
  18:\tret
  20:\tvmovaps %ymm4,0x20(%rsp)
  24:\tvaddps %ymm2,%ymm3,%ymm3
  28:\tjmp    18 <f+0x18>
'''
ARM = '''
0000000000000000 <f>:
   0:\tstr\tq4, [sp, #32]
   4:\tfmla\tv0.4s, v1.4s, v2.4s
   8:\tb.ne\t0 <f(int, long)>  // b.any
   c:\tret
'''
# Two addresses at a time, kept in the frame of a loop that only calls.
ARM_ADDRESSES = '''
0000000000000000 <f>:
   0:\tdup\tv0.2d, x22
   4:\tadd\tv0.2d, v0.2d, v1.2d
   8:\tstr\tq0, [sp, #192]
   c:\tb.ne\t0 <f>
  10:\tret
'''


class ObjectCode(unittest.TestCase):
    def faults(self, listing, machine=object_code.X86(), spills_count=True):
        return [fault for _, _, fault, _ in object_code.faults(listing, machine, spills_count)]

    def test_lanes_put_together_in_memory(self):
        self.assertEqual(self.faults(LANES), ['2 lanes put together in memory'])
        self.assertEqual(self.faults(LANES, spills_count=False), ['2 lanes put together in memory'])

    def test_spills(self):
        self.assertEqual(self.faults(SPILLS), ['1 spills among 3 instructions on vectors'])
        self.assertEqual(self.faults(SPILLS, spills_count=False), [])
        self.assertEqual(self.faults(ARM, object_code.Arm64()), ['1 spills among 1 instructions on vectors'])

    def test_what_is_allowed(self):
        self.assertEqual(self.faults(CLEAN), [])
        self.assertEqual(self.faults(OUTER), [])
        self.assertEqual(self.faults(ARM_ADDRESSES, object_code.Arm64()), [])

    def test_loops_are_found(self):
        loops = [loop for _, body in object_code.functions(OUTER)
                 for loop in object_code.innermost_loops(body, object_code.X86())]
        self.assertEqual([[address for address, _, _ in loop] for loop in loops], [[4, 8]])


if __name__ == '__main__':
    unittest.main()

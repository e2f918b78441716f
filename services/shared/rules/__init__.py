"""Traffic rules: may this vehicle be in this place at this instant, and until when?

The semantics (`design.md`, Contracts: Rules). Of the rules that hold for the place, the instant and the
vehicle, those of the highest priority decide, and among them the mildest effect: allow, then
permit_required, then ban. Where that effect is permit_required, a permit turns the answer to allowed; where
it is ban, only an exemption does. No rule means allowed. Whatever stands lower is not asked. Several rules
of the same priority and effect decide together: each must be lifted.

A permit or exemption counts for the place when one of its areas contains it, it is active, of this vehicle,
in its validity and in its hours; a rule may name the permit types that lift it.

A condition on a fact nobody knows makes a rule uncertain. The answer is `undetermined`, naming the facts,
only when an uncertain rule, taken on its own, could change it.
"""

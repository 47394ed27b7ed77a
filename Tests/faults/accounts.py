"""What the programs have said of themselves beside what the supervisor says of them."""

from site_under_test import POLICIES

STOPPED = {77, 137, 143}


class Accounts:
    def __init__(self, site, starts, stops):
        self.site = site
        self.stops = stops
        self.starts = starts
        self.exits = self.restarts = self.events = 0
        self.dies = {name: [] for name in site.names}
        self.unknown = []
        for event in site.events():
            self.events += 1
            if event["Action"] != "die":
                continue
            attributes = event["Actor"]["Attributes"]
            if attributes["name"] in self.dies:
                self.dies[attributes["name"]].append(attributes)
            else:
                self.unknown.append(attributes["name"])
        self.exits = sum(len(dies) for dies in self.dies.values())

    def violations(self):
        found = [f"the journal has an end of {name}, which there is not" for name in self.unknown]
        for name in self.site.names:
            found += [f"{name}: {text}" for text in self.examine(name)]
        return found

    def examine(self, name):
        dies = self.dies[name]
        codes = [int(die["exitCode"]) for die in dies]
        yield from self.compare(self.site.runs(name), codes, name in self.stops.touched)
        yield from self.times(dies)
        document = self.site.inspect(name) or {}
        state = document.get("State", {})
        if codes and state.get("ExitCode") != codes[-1]:
            yield f"its record says {state.get('ExitCode')}, and it has ended with {codes[-1]}"
        yield from self.policy(name, codes, document.get("RestartCount"))

    @staticmethod
    def compare(runs, codes, is_touched):
        """Each end is in the journal once, with its code, in their order."""
        if is_touched:
            # One that was stopped before it could say anything has not said that it ran either.
            silent = [place for place, code in enumerate(codes) if code == 137]
            if len(runs) < len(codes) <= len(runs) + len(silent):
                for place in silent:
                    if place >= len(runs) or runs[place] is not None:
                        runs.insert(place, None)
        if len(runs) > len(codes):
            yield f"it ran {len(runs)} times, of which {len(codes)} ends are in the journal: {runs} {codes}"
        elif len(runs) < len(codes) - 1 or (len(runs) < len(codes) and codes[-1] not in STOPPED):
            yield f"the journal has {len(codes)} ends, and it ran {len(runs)} times: {codes} {runs}"
        else:
            for place, (said, noted) in enumerate(zip(runs, codes), 1):
                # Of whom is stopped the last word may be missing.
                is_cut_short = (place == len(codes) or is_touched) and noted in STOPPED
                if said != noted and not is_cut_short:
                    yield f"end {place} of {len(codes)} is in the journal with {noted}, and was {said}"

    @staticmethod
    def times(dies):
        last = ""
        for place, die in enumerate(dies, 1):
            if not last <= die["startedAt"] <= die["finishedAt"]:
                yield f"end {place} is after {last}, from {die['startedAt']} to {die['finishedAt']}"
            last = die["finishedAt"]

    def policy(self, name, codes, count):
        """It was started again as often as its policy says, and else only when somebody asked for it."""
        kind = self.site.kind(name)
        if name in self.stops.touched:
            # Which of its starts somebody asked for, its codes do not tell.
            return
        if not codes:
            yield "it has never ended"
            return
        by_policy, in_a_row = 0, 0
        by_hand = 0
        for place, code in enumerate(codes, 1):
            if kind in ("always", "unless"):
                again = True
            else:
                again = kind == "onfailure" and code != 0 and in_a_row < 3
            if place == len(codes):
                if again and kind == "onfailure" and code not in STOPPED:
                    yield f"it has ended with {code} for the {in_a_row + 1}. time in a row, and was not started again"
                break
            if again:
                by_policy += 1
                in_a_row += 1
            else:
                by_hand += 1
                in_a_row = 0
        self.restarts += by_policy
        least = self.starts.certain.get(name, 0)
        most = least + self.starts.uncertain.get(name, 0)
        if not least <= by_hand <= most:
            yield (f"somebody has started it {least} to {most} times, and by its policy, {POLICIES[kind]}, "
                   f"it was {by_hand} times: {codes}")
        # Of one that ended just before it was stopped, the restart was on its way.
        on_its_way = 1 if kind in ("always", "unless") and codes[-1] not in STOPPED else 0
        if count not in (by_policy, by_policy + on_its_way):
            yield f"its record says {count} restarts, and it was restarted {by_policy} times: {codes}"

/// The JSON documents of the Open Container Initiative.
